import type { Agenda } from './agenda.ts';
import type { Bluetooth } from './bluetooth.ts';
import type { Calendar } from './calendar.ts';
import type { SecretSink } from './device.ts';
import type { Door } from './door.ts';
import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Receiver } from './receiver.ts';
import type { Ledger } from './truth.ts';

/** Writes bytes to a sensor's line at the agenda's time; false when the line is silent and they are lost. */
export type Wire = (bytes: Uint8Array) => boolean;

/** What everyone in the store acts on. */
export interface Scene {
  readonly startMs: number;
  readonly agenda: Agenda;
  readonly calendar: Calendar;
  readonly parameters: StoreParameters;
  readonly ledger: Ledger;
  readonly secrets: SecretSink;
  readonly receivers: readonly Receiver[];
  /** Null where no sniffer hears it. */
  readonly bluetooth: Bluetooth | null;
  readonly doors: readonly Door[];
  /** Streams of random numbers, one a concern. */
  readonly people: Random;
  readonly phones: Random;
  readonly probing: Random;
  /** Who takes which door and who turns back in it: apart, so that a store with other sensors has the same people. */
  readonly doorways: Random;
}
