/** Simulated sensors on a scripted line, with something to tell all the time. */
import { Agenda } from '../simulator/agenda.ts';
import { AgendaClock } from '../simulator/agenda-clock.ts';
import { AirFrame } from '../simulator/air-frame.ts';
import { ADVERTISING_FORMATS, AIR_FORMATS, DOOR_FORMATS } from '../simulator/formats.ts';
import type { SimulatedSensor } from '../simulator/options.ts';
import { Random } from '../simulator/random.ts';
import type { LineSettings } from '../transport/port.ts';
import { detect } from './detect.ts';
import type { Detection, Progress } from './finding.ts';
import { passTime, ScriptedLine } from './uart.testing.ts';

const START = 1_700_000_000_000;
const nobody = { address: () => undefined, ssid: () => undefined };

export interface Device extends Omit<SimulatedSensor, 'id'> {
  line: LineSettings;
  /** Restarted by the first opening, as an Arduino; else it has run for long. */
  restarts?: boolean;
}

export class Bench {
  readonly agenda = new Agenda(START);
  readonly clock = new AgendaClock(this.agenda);
  readonly line: ScriptedLine;
  readonly steps: Progress[] = [];

  constructor(line: LineSettings) {
    this.line = new ScriptedLine(line);
  }

  detect(usb: { vendor: string; product: string; name: string } | null = null): Promise<Detection> {
    const progress = (step: Progress) => this.steps.push(step);
    return passTime(this.agenda, detect({ line: this.line, clock: this.clock, usb, progress }));
  }

  every(ms: number, task: () => void): void {
    this.agenda.at(this.agenda.now + ms, () => {
      task();
      this.every(ms, task);
    });
  }
}

export function benchWith(device: Device, seed = 1): Bench {
  const bench = new Bench(device.line);
  addDevice(bench, device, seed);
  return bench;
}

/** One more on the same line. */
export function addDevice(bench: Bench, device: Device, seed = 1): void {
  const sensor = { id: 'sensor', ...device };
  const random = new Random(seed);
  const boot =
    device.driver in AIR_FORMATS
      ? air(bench, sensor, random)
      : device.driver in ADVERTISING_FORMATS
        ? advertising(bench, sensor, random)
        : door(bench, sensor, random);
  boot();
  const { opened } = bench.line;
  bench.line.opened = (times) => {
    opened(times);
    if (times === 1 && device.restarts) bench.agenda.at(bench.agenda.now + 1_500, boot);
  };
}

function air(bench: Bench, sensor: SimulatedSensor, random: Random): () => void {
  const format = AIR_FORMATS[sensor.driver]({ sensor, random, secrets: nobody });
  const { agenda, line } = bench;
  let sequence = 0;
  bench.every(150, () => {
    const address = Uint8Array.from({ length: 6 }, () => random.integer(0, 255));
    address[0] = (address[0] & 0xfc) | 2;
    const model = random.integer(0, 11);
    const ssid = random.choice(['', 'CMCC', '咖啡馆']);
    const variation = random.next();
    const request = { address, sequence: sequence++ & 0xfff, model, ssid, dsChannel: 6, variation };
    line.wire(format.frame(agenda.now, new AirFrame(request), -random.integer(40, 90)));
  });
  return () => void line.wire(format.boot(agenda.now));
}

function advertising(bench: Bench, sensor: SimulatedSensor, random: Random): () => void {
  const format = ADVERTISING_FORMATS[sensor.driver]({ sensor, random, secrets: nobody });
  const { agenda, line } = bench;
  let turn = 0;
  bench.every(60, () => {
    const address = Uint8Array.from({ length: 6 }, () => random.integer(0, 255));
    address[0] = (address[0] & 0x3f) | 0x40;
    const data = Uint8Array.of(2, 1, 0x1a, 10, 0xff, 0x4c, 0, 0x10, 5, 3, 0x1c, 0x83, 0x90, 0x96);
    const channel = 37 + (turn++ % 3);
    const advertisement = { address, random: true, type: 0 as const, data };
    const bytes = format.advertisement(agenda.now, advertisement, -random.integer(40, 90), channel);
    if (bytes.length > 0) line.wire(bytes);
  });
  line.receive = (bytes) => {
    const answer = format.receive?.(agenda.now, bytes) ?? new Uint8Array();
    if (answer.length > 0) agenda.at(agenda.now + 5, () => line.wire(answer));
  };
  return () => void line.wire(format.boot(agenda.now));
}

function door(bench: Bench, sensor: SimulatedSensor, random: Random): () => void {
  const { agenda, line } = bench;
  const format = DOOR_FORMATS[sensor.driver]({ sensor, agenda, random, wire: line.wire });
  const others = line.receive;
  line.receive = (bytes) => {
    others(bytes);
    format.receive?.(bytes);
  };
  const totals = { in: 0, out: 0 };
  bench.every(900, () => {
    const inwards = random.chance(0.6);
    if (inwards) totals.in++;
    else totals.out++;
    format.counted(totals, inwards);
  });
  return () => {
    totals.in = 0;
    totals.out = 0;
    format.boot();
  };
}
