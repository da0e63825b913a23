/** The small messages of contract v1: a gateway's state, the collector's acknowledgement, the settings it asks for. */
import { z } from 'zod';
import { epochText, sequence, told } from './fields.ts';

export const STATE_SCHEMA = 'urn:footfall:schema:state:1.1';
export const ACK_SCHEMA = 'urn:footfall:schema:ack:1.0';
export const CONFIG_SCHEMA = 'urn:footfall:schema:config:1.0';

const keys = z.array(z.string().max(256)).max(255);

export const configOutcome = z
  .object({
    revision: told(z.string().max(64), 'Of the message on down/config; empty where it could not be read.'),
    state: told(
      z.enum(['applied', 'rejected']),
      '`applied`: in force, but for the keys listed apart; `rejected`: nothing of it, for the reasons given.',
    ),
    reasons: told(z.array(z.string().max(1024)).max(64), 'For people: what was expected, what was found.'),
    overridden: told(keys, 'Keys without effect while somebody at the box has set them otherwise.'),
    locked: told(keys, 'Keys without effect because the settings file locks them.'),
  })
  .meta({ title: 'Config outcome', description: 'What became of the settings that the centre asked for last.' });
export type ConfigOutcome = z.infer<typeof configOutcome>;

const previousEpoch = z
  .object({
    epoch: told(epochText, 'Of the database before.'),
    last_sequence: told(z.int().nonnegative(), 'The last sequence it sealed, as far as is known.', 'sequence'),
    oldest_held: told(
      sequence.nullable().default(null),
      'The oldest of its sequences that this box still holds and will send; null or absent: none.',
      'sequence',
    ),
    end: told(
      z.enum(['moved', 'restored', 'damaged', 'newer']).nullable().default(null),
      'Why it ended: the database came from another machine, was an older copy, was damaged, or was of a newer release. Null or absent: not known.',
    ),
  })
  .meta({ title: 'Previous epoch', description: 'The epoch before this one on the same box.' });

const sensorState = z
  .object({
    id: told(z.string().max(128), 'As in coverage records.'),
    driver: told(z.string().max(64), 'What speaks to it.'),
    state: told(z.string().max(32), '`up`, `silent` (nothing heard) or `down`; take any other text too.'),
  })
  .meta({ title: 'Sensor', description: 'A sensor of the gateway.' });

export const stateMessage = z
  .object({
    birth: told(
      z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hexadecimal digits'),
      'Identifies one connection: an offline state ends only the birth of the same id, never a newer one.',
    ),
    online: told(z.boolean(), 'False in the will, and at an orderly end.'),
    epoch: told(epochText, 'Of the database in use.'),
    first_sequence: told(
      sequence.default(1),
      'The first sequence of this epoch: a database that begins a new epoch numbers on. Absent: 1.',
      'sequence',
    ),
    sealed_through: told(
      z.int().nonnegative(),
      'The last sequence sealed; first_sequence - 1 before the first.',
      'sequence',
    ),
    oldest_held: told(
      sequence.nullable(),
      'The oldest sequence of this epoch still on the box: what you miss below it will never come. Null: the box holds none.',
      'sequence',
    ),
    previous: told(previousEpoch.nullable(), 'The epoch before this one on the same box, so that its tail is known.'),
    config: told(
      configOutcome.nullable().default(null),
      'What became of the settings last asked for on down/config; null or absent before the first.',
    ),
    parameters: told(z.string().max(128), 'Id of the parameter set in force.'),
    version: told(z.string().max(64), "Version of the gateway's software."),
    sensors: told(z.array(sensorState).max(255), 'The sensors of the settings.'),
    at_ms: told(z.int(), "The gateway's wall clock; do not order states by it.", 'UTC ms'),
  })
  .meta({
    title: 'State',
    description: "Birth, repetition (every 15 minutes) and will of a gateway's connection. Retained.",
  });
export type StateMessage = z.infer<typeof stateMessage>;

export const ackMessage = z
  .object({
    epoch: told(epochText, 'Of the sequences; other epochs go into messages of their own.'),
    ok: told(z.array(sequence), 'Committed, duplicates included. The gateway deletes them.', 'sequence'),
    rejected: told(
      z.array(
        z
          .object({
            seq: told(sequence, 'Of the batch.', 'sequence'),
            code: told(
              z.string().min(1).max(64),
              '`invalid`, `conflict`, or one of your own; kept with the dead letter.',
            ),
            message: told(z.string().max(1024), 'For people at the box: what was expected, what was found.'),
          })
          .meta({ title: 'Rejection', description: 'A batch that will never be taken.' }),
      ),
      "Never to be taken: they go to the gateway's dead letters and are not sent again.",
    ),
    retry_after_s: told(
      z.number().nonnegative().optional(),
      'For so long the gateway publishes no batches; it waits for an hour at most.',
      's',
    ),
  })
  .meta({
    title: 'Acknowledgement',
    description: 'What the collector has committed, sent at once after its commit, duplicates included. Not retained.',
  });
export type AckMessage = z.infer<typeof ackMessage>;

/** Only the keys of `REMOTE_KEYS` (agent/settings) are taken, and the whole message or nothing of it. */
export const configMessage = z
  .object({
    revision: told(z.string().min(1).max(64), 'Chosen by you, echoed in the state.'),
    settings: told(
      z.record(z.string(), z.unknown()),
      'Nested as in the settings file. Only what may be set from afar is taken, and the whole message or nothing of it. An empty object takes back all that was asked for before.',
    ),
  })
  .meta({ title: 'Config', description: 'Settings that the centre wants. Retained.' });
export type ConfigMessage = z.infer<typeof configMessage>;

/** The bytes of a message. */
export function encodeMessage(message: StateMessage | AckMessage | ConfigMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}
