/** Events of `footfall tail` as lines for people: time, kind, sensor, and what there is to say, in columns. */
import type { TailEvent } from '../../local/tail.ts';
import { formatBytes, formatCount, NONE } from './format.ts';
import type { Paint, Tone } from './style.ts';
import { clean, cut, displayWidth, pad } from './width.ts';

const KIND_WIDTH = 8;
const SENSOR_WIDTH = { least: 6, most: 20 };
const TONES: Record<TailEvent['kind'], Tone> = {
  sighting: 'plain',
  ble: 'plain',
  door: 'good',
  till: 'good',
  window: 'strong',
  message: 'dim',
  health: 'warn',
  dropped: 'bad',
};

export interface TailViewOptions {
  /** IANA time zone of the store. */
  timeZone: string;
  /** Ids of the sensors there are, for the width of their column. */
  sensors: readonly string[];
  paint: Paint;
}

export class TailView {
  readonly #paint: Paint;
  readonly #sensorWidth: number;
  readonly #clock: Intl.DateTimeFormat;
  readonly #minute: Intl.DateTimeFormat;

  constructor({ timeZone, sensors, paint }: TailViewOptions) {
    this.#paint = paint;
    const widest = Math.max(SENSOR_WIDTH.least, ...sensors.map(displayWidth));
    this.#sensorWidth = Math.min(SENSOR_WIDTH.most, widest);
    const common = { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    this.#clock = new Intl.DateTimeFormat('en-GB', { ...common, second: '2-digit', fractionalSecondDigits: 3 });
    this.#minute = new Intl.DateTimeFormat('en-GB', common);
  }

  /** The event's line, without a newline and without anything that could steer the terminal. */
  line(event: TailEvent): string {
    const { kind } = event;
    const subject = 'sensor' in event ? event.sensor : 'subject' in event ? event.subject : '';
    const time = this.#paint('dim', this.#clock.format(event.at_ms));
    // What is of no sensor needs the room of its column.
    const place = subject === '' ? '' : `${pad(cut(clean(subject), this.#sensorWidth), this.#sensorWidth)}  `;
    const tone = event.kind === 'health' ? healthTone(event.change) : TONES[kind];
    return `${time}  ${this.#paint(tone, `${kind.padEnd(KIND_WIDTH)}  ${place}${clean(this.#say(event))}`)}`;
  }

  #say(event: TailEvent): string {
    switch (event.kind) {
      case 'sighting': {
        const rssi = `${String(event.rssi).padStart(4)} dBm`;
        const channel = `ch ${String(event.channel ?? NONE).padStart(3)}`;
        return `${event.device}  ${event.random ? 'random' : 'global'}  ${rssi}  ${channel}  ${event.fingerprint ?? NONE}`;
      }
      case 'ble': {
        const rssi = `${String(event.rssi ?? NONE).padStart(4)} dBm`;
        const channel = `ch ${String(event.channel ?? NONE).padStart(3)}`;
        return `${event.device}  ${event.random ? 'random' : 'public'}  ${rssi}  ${channel}  ${event.advertiser}`;
      }
      case 'door':
        return `in ${formatCount(event.in)}  out ${formatCount(event.out)}${event.total ? '  (totals)' : ''}`;
      case 'till':
        return plural(event.transactions, 'transaction');
      case 'window': {
        const span = `${this.#minute.format(event.start_ms)}-${this.#minute.format(event.end_ms)}`;
        const flow = `in ${formatCount(event.entries)}  out ${formatCount(event.exits)}`;
        const devices = `visits ${formatCount(event.visits)}  passers-by ${formatCount(event.passers_by)}`;
        return `${span}  ${flow}  ${devices}  ${batches(event.sequences)}`;
      }
      case 'message': {
        const told = event.sequences.length === 0 ? null : batches(event.sequences);
        const what = event.what === 'batch' ? told : [event.what, told].filter((part) => part !== null).join(' of ');
        return `${event.direction === 'out' ? 'sent' : 'received'}  ${what}  ${formatBytes(event.bytes)}`;
      }
      case 'health':
        return `${event.change === 'event' ? '' : `${event.change}  `}${event.code}: ${event.message}`;
      case 'dropped':
        return `${plural(event.count, 'event')} left out: this end was too slow to take them`;
    }
  }
}

function healthTone(change: 'began' | 'ended' | 'event'): Tone {
  return change === 'began' ? 'bad' : change === 'ended' ? 'good' : 'strong';
}

/** `batch 4`, `batches 4 to 7`, `batches 4, 9`; no batch where there is none. */
function batches(sequences: readonly number[]): string {
  if (sequences.length === 0) return 'no batch';
  if (sequences.length === 1) return `batch ${sequences[0]}`;
  const consecutive = sequences.every((sequence, index) => sequence === sequences[0] + index);
  return `batches ${consecutive ? `${sequences[0]} to ${sequences.at(-1)}` : sequences.join(', ')}`;
}

function plural(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
}
