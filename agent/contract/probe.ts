/**
 * A probe: what `footfall doctor` publishes where batches go, to see that a collector answers. It carries an epoch of
 * its own and no data of the store. A collector stores nothing of it and acknowledges it like a batch; one that does not
 * know the type rejects it like any batch that it cannot take, which proves the way there and back just as well.
 */
import { z } from 'zod';
import { envelope, moment, origin, told } from './fields.ts';
import { sourceOf } from './topics.ts';

export const PROBE_TYPE = 'footfall.probe.v1';
export const PROBE_SCHEMA = 'urn:footfall:schema:probe:1.0';
/** A probe is the only message of its epoch. */
export const PROBE_SEQUENCE = 1;

export const probeMessage = z
  .object({
    ...envelope,
    type: told(z.literal(PROBE_TYPE), 'Tells a probe from the other messages of its topic.'),
    id: told(z.literal(String(PROBE_SEQUENCE)), 'A probe is the only message of its epoch: acknowledge sequence 1.'),
    time: moment('When it was made'),
    data: told(z.object(origin), 'Who asks; the epoch is random, never that of a database.'),
  })
  .check(({ value, issues }) => {
    const { tenant, gateway, epoch } = value.data;
    if (value.source === sourceOf(tenant, gateway, epoch)) return;
    const message = 'expected it to agree with data.tenant, data.gateway and data.epoch';
    issues.push({ code: 'custom', message, path: ['source'], input: value });
  })
  .meta({
    title: 'Probe',
    description:
      'What `footfall doctor` sends to see that a collector answers. Acknowledge it, and store nothing of it.',
  });
export type ProbeMessage = z.infer<typeof probeMessage>;

/**
 * The bytes of a probe.
 * @param epoch 16 lower-case hexadecimal digits, random, never those of a database.
 * @param atMs wall clock, UTC milliseconds.
 */
export function encodeProbe(tenant: string, gateway: string, epoch: string, atMs: number): Uint8Array {
  const message: ProbeMessage = {
    specversion: '1.0',
    type: PROBE_TYPE,
    source: sourceOf(tenant, gateway, epoch),
    id: String(PROBE_SEQUENCE),
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    dataschema: PROBE_SCHEMA,
    data: { tenant, gateway, epoch },
  };
  return new TextEncoder().encode(JSON.stringify(message));
}
