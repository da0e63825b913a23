/** One gateway of a fleet: a simulated store and an outbox in memory, behind the uplink of a real box. */
import type { Random } from '../../../drivers/simulator/random.ts';
import type { Clock } from '../../clock.ts';
import { encodeWindow } from '../../contract/batch.ts';
import { encodeGap } from '../../contract/gap.ts';
import type { OpenSession } from '../../mqtt/session.ts';
import type { StateFacts, UplinkOptions, UplinkState } from '../../uplink/port.ts';
import { createUplink, type Uplink } from '../../uplink/uplink.ts';
import { VERSION } from '../../version.ts';
import { FleetOutbox, type OutboxCounts } from './outbox.ts';
import { Shop, type ShopTotals } from './shop.ts';

export interface GatewayParts {
  clock: Clock;
  random: Random;
  /** Of the back-off and the sending again; uniform in [0, 1). */
  jitter: () => number;
  open: OpenSession;
}

/** Length of a window as a box has it, in milliseconds: what is told of, not how often one is sealed. */
export const WINDOW_MS = 15 * 60_000;

export class FleetGateway {
  readonly #options: UplinkOptions;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #outbox: FleetOutbox;
  readonly #shop: Shop;
  readonly #uplink: Uplink;
  #windows = 0;

  /** @param startMs UTC milliseconds of the first window's start. */
  constructor(options: UplinkOptions & { bufferBytes: number; startMs: number }, parts: GatewayParts) {
    const { bufferBytes, startMs, ...uplink } = options;
    this.#options = uplink;
    this.#clock = parts.clock;
    this.#startMs = startMs;
    this.#outbox = new FleetOutbox(uplink.epoch, bufferBytes);
    this.#shop = new Shop(uplink.gateway, parts.random);
    this.#uplink = createUplink(uplink, {
      outbox: this.#outbox,
      facts: async () => this.#facts(),
      clock: parts.clock,
      random: parts.jitter,
      // A thousand journals in one are of no use: the ledger tells what failed.
      log: () => undefined,
      open: parts.open,
    });
  }

  get counts(): OutboxCounts {
    return this.#outbox.counts;
  }

  get totals(): Readonly<ShopTotals> {
    return this.#shop.totals;
  }

  get link(): UplinkState {
    return this.#uplink.state();
  }

  start(): void {
    this.#uplink.start();
  }

  /** Seals the next window, and a gap record where the buffer dropped something. */
  sealWindow(): void {
    const ordinal = ++this.#windows;
    const startMs = this.#startMs + (ordinal - 1) * WINDOW_MS;
    const records = this.#shop.next(ordinal, startMs, startMs + WINDOW_MS);
    const window = { ordinal, startMs, endMs: startMs + WINDOW_MS, skipped: 0, warmUp: false, correctedMs: null };
    const origin = { ...this.#origin(), store: this.#options.gateway, timeZone: 'UTC', version: VERSION };
    const batches = encodeWindow(
      { ...window, records },
      { ...origin, clock: 'synchronised' },
      this.#outbox.lastSequence + 1,
    );
    for (const { sequence, body } of batches) this.#outbox.seal(sequence, body);
    for (const { sequence } of batches) this.#uplink.notify(sequence);
    this.tellGaps();
  }

  /** Seals a gap record where something was dropped that none tells. */
  tellGaps(): void {
    if (!this.#outbox.untold) return;
    const sequence = this.#outbox.lastSequence + 1;
    this.#outbox.sealGap(sequence, (ranges) => encodeGap(this.#origin(), sequence, ranges));
    this.#uplink.notify(sequence);
  }

  /** Says goodbye. */
  stop(): Promise<void> {
    return this.#uplink.stop();
  }

  #origin() {
    const { tenant, gateway, epoch } = this.#options;
    return { tenant, gateway, epoch, sealedAtMs: Math.round(this.#clock.wall()) };
  }

  #facts(): StateFacts {
    return {
      firstSequence: 1,
      sealedThrough: this.#outbox.lastSequence,
      oldestHeld: this.#outbox.oldestHeld,
      previous: null,
      config: null,
      parameters: 'simulated-fleet',
      version: VERSION,
      sensors: [{ id: 'main-door', driver: 'door-lines', state: 'up' }],
    };
  }
}
