import type { Clock, Timer } from '../../agent/clock.ts';
import { Backoff } from '../transport/backoff.ts';
import { machineFiles, type SysFiles } from './adapters.ts';
import type { Trouble } from './bluetooth-words.ts';
import { ChannelPlan } from './monitor-channels.ts';
import { cycle, type Prepared, prepareInterface, userOf } from './monitor-interface.ts';
import { type Capture, type MonitorPrograms, machinePrograms } from './monitor-programs.ts';
import { RecordJoiner } from './monitor-records.ts';
import { SilenceWatch } from './monitor-silence.ts';
import { choosePhy, mayAdminister, type Phy, physOf, switchOfPhy, wirelessOf } from './monitor-sysfs.ts';
import { isDown, lastWord, noRadio, plain, switchedOffRadio, troubleOfTool } from './monitor-words.ts';
import type { RadioEvents, RadioSource, RadioState } from './source.ts';

/** How often radios, interfaces and switches are looked at. */
const LOOK_MS = 2_000;
/** From the start of tcpdump to its first word. */
const OPENING_PATIENCE_MS = 10_000;
/** What listened this long worked: the next failure is a new one. */
const PROVEN_MS = 60_000;
/** What only a person mends is not tried each second. */
const MENDED_BY_HAND: ReadonlySet<RadioState> = new Set<RadioState>(['no_module', 'no_permission']);
const MENDED_BY_HAND_MS = 30_000;

export interface MonitorOptions {
  /** Name of an interface (`wlan1`, `wlan1mon`) or of a radio (`phy1`). */
  adapter: string;
  /** Channels to listen to in turn; without, the tuning is left alone. */
  channels?: readonly number[];
  /** Seconds on each channel. */
  channelSeconds?: number;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
  files?: SysFiles;
  programs?: MonitorPrograms;
}

interface Listening extends Prepared {
  /** Absent where none could be started. */
  capture?: Capture;
  readonly phy: Phy;
  readonly joiner: RecordJoiner;
  readonly plan: ChannelPlan;
  readonly sinceMs: number;
}

/**
 * A Wi-Fi adapter in monitor mode, through tcpdump. Gives pcap: the header of each start of tcpdump, and whole records of
 * probe requests with radiotap. tcpdump says nothing when its link goes down, so that is looked after here.
 */
export class MonitorSource implements RadioSource {
  readonly #options: MonitorOptions;
  readonly #files: SysFiles;
  readonly #programs: MonitorPrograms;
  readonly #backoff: Backoff;
  /** Since it listens, over all that was started for it; nothing is expected of one that cannot. */
  #silence: SilenceWatch | undefined;
  #events: RadioEvents | undefined;
  #timers: Timer[] = [];
  #listening: Listening | undefined;
  /** A tcpdump on its way out. */
  #ending: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #hopping: Promise<void> | undefined;
  /** Where the radio was last, to know it again. */
  #before: Phy | null = null;
  /** Monotonic time before which nothing is tried. */
  #notBefore = 0;
  #said = '';

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#files = options.files ?? machineFiles;
    this.#programs = options.programs ?? machinePrograms(options.clock);
    this.#backoff = new Backoff(options.random);
  }

  start(events: RadioEvents): void {
    if (this.#events !== undefined) return;
    this.#events = events;
    const { clock, channelSeconds = 2 } = this.#options;
    this.#timers = [
      clock.every(LOOK_MS, () => this.#lookOnce()),
      clock.every(channelSeconds * 1_000, () => this.#hopOnce()),
    ];
    this.#say({ state: 'starting', detail: 'looking for the Wi-Fi adapter' });
    void this.#lookOnce();
  }

  async stop(): Promise<void> {
    this.#events = undefined;
    for (const timer of this.#timers) timer.cancel();
    // What is half done is ended first: it may set an interface up, or change its channel.
    await this.#looking;
    await this.#hopping;
    this.#dismiss();
    await this.#ending;
  }

  #lookOnce(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #hopOnce(): Promise<void> {
    this.#hopping ??= this.#hop().finally(() => {
      this.#hopping = undefined;
    });
    return this.#hopping;
  }

  /** Looks at the machine, and does what is due. */
  async #look(): Promise<void> {
    const phys = physOf(this.#files);
    const interfaces = wirelessOf(this.#files);
    const phy = choosePhy(this.#options.adapter, phys, interfaces, this.#before);
    if (phy === null) {
      this.#notBefore = 0;
      this.#lose(noRadio(this.#options.adapter, phys, interfaces));
      return;
    }
    const off = switchOfPhy(this.#files, phy.name);
    const pluggedIn = phy.plugged !== this.#before?.plugged;
    // What failed before may work with this one, and once it is switched on.
    if (pluggedIn || off !== 'on') this.#notBefore = 0;
    this.#before = phy;
    const listening = this.#listening;
    if (off !== 'on') this.#lose(switchedOffRadio(off, phy));
    else if (listening === undefined) await this.#begin(phy);
    else if (listening.phy.plugged !== phy.plugged) {
      this.#lose({ state: 'starting', detail: `the Wi-Fi adapter was plugged in, as ${phy.name}` });
    } else {
      const trouble = this.#changed(listening);
      if (trouble === null) await this.#care(listening);
      else this.#fail(trouble);
    }
  }

  /** What became of the interface without a word of tcpdump's. */
  #changed({ name, phy }: Listening): Trouble | null {
    const now = wirelessOf(this.#files).find((each) => each.name === name);
    if (now === undefined) {
      return { state: 'no_adapter', detail: `the interface ${plain(name)} was removed; another is made` };
    }
    if (!now.monitor) {
      return { state: 'failed', detail: `another program took ${plain(name)} out of monitor mode; it is set again` };
    }
    return now.up ? userOf(this.#files, phy) : isDown(name);
  }

  async #begin(phy: Phy): Promise<void> {
    const { clock, adapter, channels = [] } = this.#options;
    if (this.#ending !== undefined || clock.monotonic() < this.#notBefore) return;
    const prepared = await prepareInterface(phy, adapter, { files: this.#files, programs: this.#programs });
    if (this.#events === undefined) return;
    if ('state' in prepared) {
      this.#fail(prepared);
      return;
    }
    const plan = new ChannelPlan(prepared.tunable ? channels : [], prepared.radio);
    const joiner = new RecordJoiner((records) => this.#give(listening, records));
    const listening: Listening = { ...prepared, phy, plan, joiner, sinceMs: clock.monotonic() };
    this.#listening = listening;
    await this.#hopOnce();
    if (this.#events === undefined || this.#listening !== listening) return;
    listening.capture = this.#programs.capture(prepared.name, {
      bytes: (chunk) => this.#if(listening, () => this.#pass(listening, chunk)),
      ended: (result) =>
        this.#if(listening, () => this.#fail(troubleOfTool('tcpdump', result, `listen on ${listening.name}`))),
    });
  }

  #pass(listening: Listening, chunk: Uint8Array): void {
    if (!listening.joiner.push(chunk)) {
      this.#fail({ state: 'failed', detail: 'what tcpdump writes is no pcap; it is started again' });
    }
  }

  #give(listening: Listening, records: Uint8Array): void {
    const now = this.#options.clock.monotonic();
    this.#silence ??= new SilenceWatch(now);
    if (listening.joiner.records > 0) this.#silence.heard(now);
    // Before the bytes: those of a radio that does not listen are not taken.
    this.#sayListening(listening);
    this.#events?.bytes(records);
  }

  /** What was dismissed meanwhile is nobody's business. */
  #if(listening: Listening, then: () => void): void {
    if (this.#listening === listening) then();
  }

  async #hop(): Promise<void> {
    const listening = this.#listening;
    const now = this.#options.clock.monotonic();
    const channel = listening?.plan.next(now) ?? null;
    if (listening === undefined || channel === null) return;
    const { name, plan } = listening;
    const result = await this.#programs.run('iw', ['dev', name, 'set', 'channel', String(channel)]);
    if (this.#listening !== listening || result.code === 0) return;
    // Without its interface no channel is at fault; that is seen at the next look.
    if (/no such device/i.test(result.err)) return;
    plan.refuse(channel, lastWord(result.err).replace(/^command failed: /, '') || 'iw did not answer', now);
    if (listening.joiner.begun) this.#sayListening(listening);
  }

  /** What one that runs needs now and then. */
  async #care(listening: Listening): Promise<void> {
    const now = this.#options.clock.monotonic();
    const age = now - listening.sinceMs;
    if (!listening.joiner.begun) {
      if (age >= OPENING_PATIENCE_MS) {
        const detail = `tcpdump does not begin to listen on ${plain(listening.name)}; it is started again`;
        this.#fail({ state: 'failed', detail });
      }
      return;
    }
    if (age >= PROVEN_MS) this.#backoff.reset();
    const due = this.#silence?.due(now) ?? null;
    if (due === null) return;
    if (mayAdminister(this.#files)) {
      const trouble = await cycle(listening.name, { files: this.#files, programs: this.#programs });
      if (this.#events === undefined || this.#listening !== listening) return;
      if (trouble !== null) return this.#fail(trouble);
    }
    listening.plan.again();
    await this.#hopOnce();
    this.#if(listening, () => {
      this.#sayListening(listening);
      // Another takes its place at the next look, and as nothing is said of it the sensor stays up.
      if (due === 'all') this.#dismiss();
    });
  }

  /** It is tried again after a wait. */
  #fail(trouble: Trouble): void {
    const least = MENDED_BY_HAND.has(trouble.state) ? MENDED_BY_HAND_MS : 0;
    this.#notBefore = this.#options.clock.monotonic() + least + this.#backoff.next();
    this.#lose(trouble);
  }

  #lose(trouble: Trouble): void {
    this.#silence = undefined;
    this.#dismiss();
    this.#say(trouble);
  }

  #dismiss(): void {
    const listening = this.#listening;
    this.#listening = undefined;
    if (listening?.capture === undefined) return;
    const ending: Promise<void> = listening.capture.end().then(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
  }

  #sayListening({ name, plan, radio, tunable }: Listening): void {
    const { channels = [] } = this.#options;
    const takes = radio === null ? 'iw' : 'CAP_NET_ADMIN';
    const tuning =
      channels.length > 0 && !tunable ? `its channel stays as it is: to set one takes ${takes}` : plan.note;
    const silence = this.#silence?.told ?? '';
    const detail = `listening with ${plain(name)}; ${tuning}${silence === '' ? '' : `; ${silence}`}`;
    this.#say({ state: 'listening', detail });
  }

  #say({ state, detail }: Trouble): void {
    const saying = `${state} ${detail}`;
    if (saying === this.#said) return;
    this.#said = saying;
    this.#events?.state(state, detail);
  }
}
