/**
 * A probe: what `footfall doctor` publishes where batches go, to see that a collector answers. It carries an epoch of
 * its own and no data of the store. A collector stores nothing of it and acknowledges it like a batch; one that does not
 * know the type rejects it like any batch that it cannot take, which proves the way there and back just as well.
 */
import { z } from 'zod';
import { epochText } from './batch.ts';
import { isLevel, sourceOf } from './topics.ts';

export const PROBE_TYPE = 'footfall.probe.v1';
export const PROBE_SCHEMA = 'urn:footfall:schema:probe:1.0';
/** A probe is the only message of its epoch. */
export const PROBE_SEQUENCE = 1;

const level = z.string().refine(isLevel, 'expected 1 to 64 characters of a-z, 0-9, "_" and "-"');

export const probeMessage = z
  .object({
    specversion: z.literal('1.0'),
    type: z.literal(PROBE_TYPE),
    source: z.string().max(256),
    id: z.literal(String(PROBE_SEQUENCE)),
    /** When it was made, RFC 3339. */
    time: z.iso.datetime({ offset: true }),
    datacontenttype: z.literal('application/json'),
    dataschema: z.string().max(256),
    data: z.object({ tenant: level, gateway: level, epoch: epochText }),
  })
  .check(({ value, issues }) => {
    const { tenant, gateway, epoch } = value.data;
    if (value.source === sourceOf(tenant, gateway, epoch)) return;
    const message = 'expected it to agree with data.tenant, data.gateway and data.epoch';
    issues.push({ code: 'custom', message, path: ['source'], input: value });
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
