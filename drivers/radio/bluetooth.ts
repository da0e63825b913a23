import type { Clock, Timer } from '../../agent/clock.ts';
import { reasonOf } from '../../agent/errors.ts';
import { Backoff } from '../transport/backoff.ts';
import { type Adapter, adaptersOf, chooseAdapter, machineFiles, type SysFiles, switchOf } from './adapters.ts';
import {
  called,
  noAdapter,
  processGone,
  switchedOff,
  type Trouble,
  troubleOfCode,
  troubleOfState,
} from './bluetooth-words.ts';
import { EventJoiner } from './event-joiner.ts';
import { ListeningWatch } from './listening-watch.ts';
import type { ChildMessage } from './noble-messages.ts';
import { type ListeningEvents, type ListeningOpener, type ListeningProcess, nobleOpener } from './noble-process.ts';
import type { RadioEvents, RadioSource, RadioState } from './source.ts';

/** How often adapters and switches are looked at. */
const LOOK_MS = 2_000;
/** From the start of a process to its first scan. */
const OPENING_PATIENCE_MS = 20_000;
/** A process that listened this long worked: the next failure is a new one. */
const PROVEN_MS = 60_000;
/** What only a person mends is not tried each second. */
const MENDED_BY_HAND: ReadonlySet<RadioState> = new Set<RadioState>(['no_module', 'no_permission', 'no_adapter']);
const MENDED_BY_HAND_MS = 30_000;

export interface BluetoothOptions {
  /** `auto` for the first, or a name such as `hci0`. */
  adapter: string;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
  files?: SysFiles;
  open?: ListeningOpener;
}

interface Listening {
  /** Absent where none could be started. */
  process?: ListeningProcess;
  readonly adapter: Adapter | null;
  readonly joiner: EventJoiner;
  readonly watch: ListeningWatch;
  readonly sinceMs: number;
  scanning: boolean;
}

/**
 * The box's own Bluetooth adapter, through noble in a process that is replaced whenever it leaks, falls silent or loses
 * its adapter. Gives whole HCI events, one or more a chunk.
 */
export class BluetoothSource implements RadioSource {
  readonly #options: BluetoothOptions;
  readonly #files: SysFiles;
  readonly #open: ListeningOpener;
  readonly #backoff: Backoff;
  #events: RadioEvents | undefined;
  #timer: Timer | undefined;
  #listening: Listening | undefined;
  /** Processes on their way out; the next begins when the adapter is free. */
  #ending: Promise<void> | undefined;
  /** Where the adapter was last, to know it again. */
  #before: Adapter | null = null;
  /** Monotonic time before which none is started. */
  #notBefore = 0;
  /** The adapter was down: the next process takes it for itself, which switches it on. */
  #exclusive = false;
  #said = '';

  constructor(options: BluetoothOptions) {
    this.#options = options;
    this.#files = options.files ?? machineFiles;
    this.#open = options.open ?? nobleOpener(options.clock);
    this.#backoff = new Backoff(options.random);
  }

  start(events: RadioEvents): void {
    if (this.#events !== undefined) return;
    this.#events = events;
    this.#timer = this.#options.clock.every(LOOK_MS, () => this.#look());
    this.#say({ state: 'starting', detail: 'looking for a Bluetooth adapter' });
    this.#look();
  }

  async stop(): Promise<void> {
    this.#events = undefined;
    this.#timer?.cancel();
    this.#dismiss();
    while (this.#ending !== undefined) await this.#ending;
  }

  /** Looks at the machine, and does what is due. */
  #look(): void {
    const adapters = adaptersOf(this.#files);
    const adapter = adapters === null ? null : chooseAdapter(this.#options.adapter, adapters, this.#before);
    const off = switchOf(this.#files, adapter?.name ?? null);
    const pluggedIn = adapter !== null && adapter.plugged !== this.#before?.plugged;
    // What failed before may work with this one, and once it is switched on.
    if (pluggedIn || off !== 'on') this.#notBefore = 0;
    if (adapter !== null) this.#before = adapter;
    if (off !== 'on') this.#lose(switchedOff(off, adapter));
    else if (adapters !== null && adapter === null) this.#lose(noAdapter(this.#options.adapter, adapters));
    else if (this.#listening === undefined) this.#begin(adapter);
    else if (pluggedIn) this.#lose({ state: 'starting', detail: `${called(adapter)} was plugged in` });
    else this.#care(this.#listening);
  }

  #begin(adapter: Adapter | null): void {
    const now = this.#options.clock.monotonic();
    if (this.#ending !== undefined || now < this.#notBefore) return;
    // Where the adapters cannot be looked at, the one that was named or the first.
    const device = adapter?.index ?? Number(/^hci(\d+)$/.exec(this.#options.adapter)?.[1] ?? 0);
    const listening: Listening = {
      adapter,
      joiner: new EventJoiner((events) => this.#events?.bytes(events)),
      watch: new ListeningWatch(now),
      sinceMs: now,
      scanning: false,
    };
    this.#listening = listening;
    const events: ListeningEvents = {
      message: (message) => this.#if(listening, () => this.#heard(listening, message)),
      reports: (chunk) => this.#if(listening, () => this.#pass(listening, chunk)),
      ended: (how) => this.#if(listening, () => this.#fail(processGone(how))),
    };
    try {
      listening.process = this.#open({ device, exclusive: this.#exclusive }, events);
    } catch (error) {
      this.#fail(processGone(reasonOf(error)));
    }
  }

  #pass({ watch, joiner }: Listening, chunk: Uint8Array): void {
    watch.heard(this.#options.clock.monotonic());
    joiner.push(chunk);
  }

  /** What a process says that was dismissed meanwhile is nobody's business. */
  #if(listening: Listening, then: () => void): void {
    if (this.#listening === listening) then();
  }

  #heard(listening: Listening, message: ChildMessage): void {
    const { adapter, watch } = listening;
    if (message.kind === 'memory') watch.told(message.rss);
    else if (message.kind === 'failed') this.#fail(troubleOfCode(message.code, adapter, this.#options.adapter));
    else if (message.kind === 'scanning') {
      listening.scanning = true;
      this.#say({ state: 'listening', detail: `listening with ${called(adapter)}` });
    } else {
      const trouble = troubleOfState(message.state, adapter);
      if (trouble !== null) this.#fail(trouble);
    }
  }

  /** What a process that runs needs now and then. */
  #care(listening: Listening): void {
    const now = this.#options.clock.monotonic();
    const age = now - listening.sinceMs;
    if (!listening.scanning) {
      if (age >= OPENING_PATIENCE_MS)
        this.#fail({
          state: 'failed',
          detail: `${called(listening.adapter)} does not begin to scan; it is tried again`,
        });
      return;
    }
    if (age >= PROVEN_MS) this.#backoff.reset();
    const due = listening.watch.due(now);
    // Another takes its place at the next look, and as nothing is said of it the sensor stays up.
    if (due === 'replace') this.#dismiss();
    else if (due !== null) listening.process?.ask(due);
  }

  /** It is tried again after a wait. */
  #fail(trouble: Trouble): void {
    // A shared adapter that is down is taken next time; one that cannot be taken is shared again.
    this.#exclusive = trouble.state === 'adapter_down' && !this.#exclusive;
    const least = MENDED_BY_HAND.has(trouble.state) ? MENDED_BY_HAND_MS : 0;
    this.#notBefore = this.#options.clock.monotonic() + least + this.#backoff.next();
    this.#lose(trouble);
  }

  #lose(trouble: Trouble): void {
    this.#dismiss();
    this.#say(trouble);
  }

  #dismiss(): void {
    const listening = this.#listening;
    if (listening === undefined) return;
    this.#listening = undefined;
    if (listening.process === undefined) return;
    const ending: Promise<void> = listening.process.end().then(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
  }

  #say({ state, detail }: Trouble): void {
    const saying = `${state} ${detail}`;
    if (saying === this.#said) return;
    this.#said = saying;
    this.#events?.state(state, detail);
  }
}
