/** What is on a serial line: listens at each speed with every decoder, then asks what is silent until it is asked. */
import type { Clock } from '../../agent/clock.ts';
import type { LineSettings } from '../transport/port.ts';
import { candidates, speedsFor, type UsbIds } from './candidates.ts';
import { CONFIDENCES, type Detection, type Finding, type Heard, type Progress } from './finding.ts';
import { Exchange, type OpenedProbe, type ProbeLine, pause } from './line.ts';
import { type Query, queriesFor } from './queries.ts';
import { variantOf } from './variants.ts';
import { Witness } from './witness.ts';

const USUAL_MS = 3_000;
/** The first opening may restart a board whose reset hangs on DTR, and its bootloader waits before its program runs. */
const BOOT_MS = 2_000;
/** As often the time, where something fits and more would make it sure. */
const MOST_TIMES = 4;
/** Counters of lines send a heartbeat each 10 s; silent lines are listened to for that long at their usual speeds. */
const HEARTBEAT_MS = 10_500;
const PATIENT_SPEEDS = [115_200, 9_600];
/** A line with more bytes a second speaks by itself: a question could disturb whoever does. */
const QUIET_PER_SECOND = 20;
const KEPT = 16_384;
/** Text, not line noise: so many bytes, nearly all printable, with a line end. */
const TEXT_BYTES = 24;
const TEXT_SHARE = 0.95;

export interface DetectOptions {
  line: ProbeLine;
  clock: Clock;
  /** Of the adapter; null where it is none on USB. */
  usb?: UsbIds | null;
  /** Listening at each speed, milliseconds. */
  listenMs?: number;
  progress?: (step: Progress) => void;
  /** Ends the look: the line is closed, and the reason thrown. */
  signal?: AbortSignal;
}

/** Throws what the line throws where it cannot be opened at any speed, and when it is gone. */
export function detect(options: DetectOptions): Promise<Detection> {
  return new Look(options).run();
}

class Look {
  readonly #options: DetectOptions;
  readonly #listenMs: number;
  readonly #heard: Heard[] = [];
  #openings = 0;

  constructor(options: DetectOptions) {
    this.#options = options;
    this.#listenMs = options.listenMs ?? USUAL_MS;
  }

  async run(): Promise<Detection> {
    const speeds = speedsFor(this.#options.usb ?? null);
    const found: Finding[] = [];
    for (const baudRate of speeds) {
      const finding = await this.#listenAt({ baudRate }, this.#listenMs);
      if (finding === null) continue;
      found.push(finding);
      if (finding.confidence === 'certain') return this.#told(finding);
    }
    const heard = best(found);
    if (heard !== null) return this.#told(heard);
    if (this.#isTalkative()) return { findings: [], heard: this.#heard, asked: false };
    const asked = this.#heard.every(({ text }) => !text);
    const findings = asked ? await this.#askAll(queriesFor(speeds)) : [];
    if (findings.length > 0) return { findings, heard: this.#heard, asked };
    const late = await this.#listenPatiently();
    return { findings: late === null ? [] : [late], heard: this.#heard, asked };
  }

  #told(finding: Finding): Detection {
    return { findings: [finding], heard: this.#heard, asked: false };
  }

  async #listenPatiently(): Promise<Finding | null> {
    if (this.#listenMs >= HEARTBEAT_MS) return null;
    for (const baudRate of PATIENT_SPEEDS) {
      const finding = await this.#listenAt({ baudRate }, HEARTBEAT_MS);
      if (finding !== null) return finding;
    }
    return null;
  }

  async #listenAt(line: LineSettings, usualMs: number): Promise<Finding | null> {
    const { clock, progress, signal } = this.#options;
    const probe = await this.#open(line);
    if (probe === null) return null;
    try {
      const listenMs = usualMs + (this.#openings === 1 ? BOOT_MS : 0);
      progress?.({ kind: 'listening', line, ms: listenMs });
      const exchange = new Exchange(probe, clock, signal);
      const since = clock.monotonic();
      const listening = new Listening();
      const take = (bytes: Uint8Array) => listening.take(bytes, clock.wall());
      await exchange.listen(listenMs, take);
      for (let times = 1; times < MOST_TIMES && listening.isPromising; times++) await exchange.listen(usualMs, take);
      const ms = clock.monotonic() - since;
      const finding = listening.finding(line, ms);
      const { bytes, isText: text } = listening;
      this.#heard.push({ line, bytes, ms: Math.round(ms), text, failure: '' });
      progress?.({ kind: 'heard', line, bytes, best: finding });
      return finding;
    } finally {
      await probe.close();
    }
  }

  /** Null where the line cannot be opened in this way; a speed that an adapter does not know is no reason to give up. */
  async #open(line: LineSettings): Promise<OpenedProbe | null> {
    try {
      const probe = await this.#options.line.open(line);
      this.#openings++;
      return probe;
    } catch (error) {
      const isLast = this.#openings === 0 && this.#heard.length + 1 === speedsFor(this.#options.usb ?? null).length;
      if (isLast) throw error;
      this.#heard.push({ line, bytes: 0, ms: 0, text: false, failure: String((error as Error).message ?? error) });
      return null;
    }
  }

  /** Apart from what a board says when the opening restarts it. */
  #isTalkative(): boolean {
    const [, ...later] = this.#heard.filter(({ failure }) => failure === '');
    return later.some(({ bytes, ms }) => bytes > (QUIET_PER_SECOND * ms) / 1_000);
  }

  /** All sensors of the first line settings with which one answers. */
  async #askAll(queries: readonly Query[]): Promise<Finding[]> {
    for (const [line, group] of byLine(queries)) {
      const probe = await this.#open(line);
      if (probe === null) continue;
      try {
        // What the opening itself put on the line is over.
        await pause(this.#options.clock, 50, this.#options.signal);
        const findings = await this.#askGroup(probe, group);
        if (findings.length > 0) return findings;
      } finally {
        await probe.close();
      }
    }
    return [];
  }

  async #askGroup(probe: OpenedProbe, group: readonly Query[]): Promise<Finding[]> {
    const { clock, progress, signal } = this.#options;
    const exchange = new Exchange(probe, clock, signal);
    const findings: Finding[] = [];
    for (const query of group) {
      // Another unit of the same kind may be on the bus; another kind is not.
      if (findings.length > 0 && (query.unit === null || query.driver !== findings[0].driver)) continue;
      progress?.({ kind: 'asking', line: query.line, what: query.what });
      const finding = await query.ask(exchange);
      if (finding !== null) findings.push(finding);
      if (finding !== null && query.unit === null) break;
    }
    return findings;
  }
}

/** All decoders on what one way of listening brings. */
class Listening {
  readonly #witnesses = candidates().map((candidate) => new Witness(candidate));
  #kept: Uint8Array = new Uint8Array(0);
  #printable = 0;
  bytes = 0;

  take(bytes: Uint8Array, arrival: number): void {
    this.bytes += bytes.length;
    if (this.#kept.length < KEPT) this.#kept = Buffer.concat([this.#kept, bytes.subarray(0, KEPT - this.#kept.length)]);
    for (const byte of bytes) {
      if ((byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d)) this.#printable++;
    }
    for (const witness of this.#witnesses) witness.push(bytes, arrival);
  }

  get isPromising(): boolean {
    return (
      !this.#witnesses.some((each) => each.judge() === 'certain') && this.#witnesses.some((each) => each.promising)
    );
  }

  get isText(): boolean {
    return this.bytes >= TEXT_BYTES && this.#printable >= TEXT_SHARE * this.bytes && this.#kept.includes(0x0a);
  }

  finding(line: LineSettings, ms: number): Finding | null {
    const found = this.#witnesses.flatMap((witness) => {
      const confidence = witness.judge();
      return confidence === null ? [] : [{ witness, confidence }];
    });
    const rank = ({ confidence, witness }: (typeof found)[number]) =>
      CONFIDENCES.indexOf(confidence) * 1e9 + witness.explained;
    const [first] = found.sort((a, b) => rank(b) - rank(a));
    if (first === undefined) return null;
    const { driver } = first.witness.candidate;
    return {
      driver: driver.name,
      line,
      variant: variantOf(driver.name, this.#kept),
      profile: '',
      unit: null,
      confidence: first.confidence,
      evidence: first.witness.evidence(ms),
      sample: first.witness.sample,
      note: driver.name === 'door-lines' && first.confidence !== 'certain' ? DOUBT : '',
    };
  }
}

const DOUBT = 'bare numbers or signs may be those of another device: walk through the door and see them count';

/** The most certain; of equals the one with more frames. */
function best(found: readonly Finding[]): Finding | null {
  const rank = ({ confidence, evidence }: Finding) => CONFIDENCES.indexOf(confidence) * 1e9 + evidence.accepted;
  return found.toSorted((a, b) => rank(b) - rank(a))[0] ?? null;
}

/** Neighbours that are asked in the same way share an opening. */
function byLine(queries: readonly Query[]): [LineSettings, Query[]][] {
  const groups: [LineSettings, Query[]][] = [];
  for (const query of queries) {
    const last = groups.at(-1);
    if (last !== undefined && isSame(last[0], query.line)) last[1].push(query);
    else groups.push([query.line, [query]]);
  }
  return groups;
}

function isSame(one: LineSettings, other: LineSettings): boolean {
  return one.baudRate === other.baudRate && one.parity === other.parity && one.stopBits === other.stopBits;
}
