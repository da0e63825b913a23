/** What a driver's simulated counterpart puts on its line: streams for conformance tests and for fuzzing. */
import { AgentError } from '../agent/errors.ts';
import type { Decoder, DecoderOptions, Driver, ReadingSink } from './driver.ts';
import { Agenda } from './simulator/agenda.ts';
import { AgendaClock } from './simulator/agenda-clock.ts';
import { AirFrame } from './simulator/air-frame.ts';
import { drawBlePhone, drawBleThing } from './simulator/ble-device.ts';
import { drawPhone, type SecretSink } from './simulator/device.ts';
import {
  ADVERTISING_FORMATS,
  type AdvertisingFormat,
  AIR_FORMATS,
  type AirFormat,
  type AirModule,
  DOOR_FORMATS,
  type DoorFormat,
  type DoorModule,
} from './simulator/formats.ts';
import type { SimulatedSensor } from './simulator/options.ts';
import { Random } from './simulator/random.ts';
import { MemoryTransport } from './transport/stream.ts';

/** The time at which simulated sensors are powered, UTC milliseconds. */
export const START = Date.UTC(2026, 2, 2, 8);
/** Between two people, devices or advertisements. */
const STEP_MS = 700;
/** Long enough for each driver's opening words and their answers. */
const OPENING_MS = 10_000;
/** Long enough for what is under way to come to its end. */
const ENDING_MS = 12_000;

/** How a driver's simulated counterpart is made. */
export type Maker =
  | { air: (module: AirModule) => AirFormat }
  | { advertising: (module: AirModule) => AdvertisingFormat }
  | { door: (module: DoorModule) => DoorFormat };

/** A driver, and one of the dialects that its simulated counterpart speaks. */
export interface Subject {
  driver: Driver;
  /** The driver's name, and what tells this dialect from the others. */
  name: string;
  make: Maker;
  sensor: Partial<SimulatedSensor>;
  options: DecoderOptions;
  /** It tells of those who come in only. */
  onlyIn?: boolean;
}

type Dialect = Partial<Omit<Subject, 'driver' | 'make'>>;

const variants = (...names: string[]): Dialect[] => names.map((variant) => ({ name: variant, sensor: { variant } }));

const MOXA = { functionCode: 4, entered: 16, left: 18, words: 2, wordOrder: 'high-first', width: 32 } as const;
const VMU_MC = { functionCode: 3, entered: 0, left: 2, words: 2, wordOrder: 'low-first', width: 32 } as const;

/** What a simulated counterpart offers beside its default; a driver that is not named has that alone. */
const DIALECTS: Readonly<Record<string, readonly Dialect[]>> = {
  'wifi-lines': ([6, 9, 10] as const).map((fields) => ({ name: `${fields} fields`, sensor: { fields } })),
  'wifi-pcap': variants('serialpcap', 'dlt105', 'marauder', 'marauder-ppi'),
  'ble-nrf': variants('v1', 'v2', 'v3'),
  'ble-json': variants('contract', 'bleuio', 'openmqttgateway'),
  'door-modbus': [
    { name: 'wb-mcm8' },
    { name: 'moxa', sensor: { variant: 'moxa' }, options: { modbus: { ...MOXA, enableCoils: [0, 1] } } },
    { name: 'vmu-mc', sensor: { variant: 'vmu-mc' }, options: { modbus: { ...VMU_MC, enableCoils: [] } } },
  ],
  'door-teraranger': [{ name: '15' }, ...variants('11')],
  'door-lines': [
    { name: 'contract' },
    { name: 'checksum', sensor: { checksum: true } },
    { name: 'integer', sensor: { variant: 'integer' }, onlyIn: true },
    ...variants('events'),
  ],
  'door-contact': [{ name: 'in', onlyIn: true }],
};

/** All dialects of a driver. @throws AgentError `no_simulated_format` where it has no simulated counterpart. */
export function subjectsOf(driver: Driver): Subject[] {
  const { name } = driver;
  const make = makerOf(name);
  return (DIALECTS[name] ?? [{}]).map((dialect) => ({
    sensor: {},
    options: {},
    ...dialect,
    driver,
    make,
    name: dialect.name === undefined ? name : `${name} (${dialect.name})`,
  }));
}

export function hasCounterpart({ name }: Driver): boolean {
  return name in AIR_FORMATS || name in ADVERTISING_FORMATS || name in DOOR_FORMATS;
}

function makerOf(name: string): Maker {
  if (name in AIR_FORMATS) return { air: AIR_FORMATS[name] };
  if (name in ADVERTISING_FORMATS) return { advertising: ADVERTISING_FORMATS[name] };
  if (name in DOOR_FORMATS) return { door: DOOR_FORMATS[name] };
  throw new AgentError(
    'no_simulated_format',
    `Expected a simulated counterpart of the driver ${name}, found none.`,
    `Add drivers/simulator/formats/${name}.ts and its entry in drivers/simulator/formats.ts (see drivers/README.md).`,
  );
}

export interface Chunk {
  /** UTC milliseconds. */
  at: number;
  bytes: Uint8Array;
}

export interface Sample {
  subject: Subject;
  /** What came over the line, in the pieces in which it was sent. */
  chunks: Chunk[];
  /** How many of them are what the module says when it is powered. */
  boot: number;
  /** Probe requests or advertisements that were sent. */
  frames: number;
  /** People who were counted. */
  entered: number;
  left: number;
  /** What heard all of it, live: it could speak to the module. */
  decoder: Decoder;
}

export interface HearOptions {
  /** Probe requests, advertisements or people. */
  events: number;
  seed?: number;
  /** Takes what the decoder reads. */
  sink: ReadingSink;
}

/** Powers a simulated module, opens its line, and lets `events` things happen to it. */
export function hear(subject: Subject, { events, seed = 1, sink }: HearOptions): Sample {
  const agenda = new Agenda(START);
  const decoder = subject.driver.createDecoder(subject.options);
  const sample: Sample = { subject, chunks: [], boot: 0, frames: 0, entered: 0, left: 0, decoder };
  let started = false;
  const line = new MemoryTransport({ clock: new AgendaClock(agenda), take: (frame) => module.receive(frame) });
  const put = (bytes: Uint8Array): boolean => {
    if (bytes.length === 0) return false;
    // A copy, as the module may use its buffer again; slice() of a Buffer would be a view of it.
    const own = Uint8Array.from(bytes);
    sample.chunks.push({ at: agenda.now, bytes: own });
    if (started) line.push(own);
    return true;
  };
  const module = createModule(subject, agenda, new Random(seed), put, sample);
  // Powered before the line is opened, as a sensor is; what it says at once waits in a buffer.
  module.boot();
  sample.boot = sample.chunks.length;
  started = true;
  line.start({
    bytes: (bytes) => decoder.push(bytes, agenda.now, sink),
    up: () => undefined,
    down: () => undefined,
    ...(decoder.speaker && { speaker: decoder.speaker }),
  });
  for (const { bytes } of sample.chunks.slice(0, sample.boot)) line.push(bytes);
  let end = START + OPENING_MS;
  for (let event = 0; event < events; event++, end += STEP_MS) {
    agenda.at(end, () => module.happen());
  }
  agenda.run(end + ENDING_MS);
  void line.stop();
  return sample;
}

interface Module {
  boot(): void;
  receive(frame: Uint8Array): void;
  /** Sends a device's frame by, or a person. */
  happen(): void;
}

const KEEPS_NOTHING: SecretSink = { address: () => undefined, ssid: () => undefined };

function createModule(subject: Subject, agenda: Agenda, random: Random, put: Put, sample: Sample): Module {
  const sensor: SimulatedSensor = { id: 'sensor', driver: subject.driver.name, ...subject.sensor };
  const make = subject.make;
  if ('door' in make) {
    const totals = { in: 0, out: 0 };
    const format = make.door({ sensor, agenda, random: random.fork('module'), wire: put });
    const receive = (frame: Uint8Array) => format.receive?.(Uint8Array.from(frame));
    const happen = () => {
      const inwards = random.chance(0.5);
      totals[inwards ? 'in' : 'out']++;
      sample[inwards ? 'entered' : 'left']++;
      format.counted(totals, inwards);
    };
    return { boot: () => format.boot(), receive, happen };
  }
  const module = { sensor, random: random.fork('module'), secrets: KEEPS_NOTHING };
  const rssi = () => -random.integer(30, 94);
  if ('air' in make) {
    const format = make.air(module);
    const phones = Array.from({ length: 20 }, () => drawPhone(random, KEEPS_NOTHING));
    const boot = () => void put(format.boot(agenda.now));
    const happen = () => {
      const phone = random.choice(phones);
      phone.beginBurst(random);
      const { address, model } = phone;
      const [sequence, ssid] = [phone.nextSequence(), phone.nextSsid(random)];
      const frame = new AirFrame({ address, sequence, model, ssid, dsChannel: 6, variation: random.next() });
      if (put(format.frame(agenda.now, frame, rssi()))) sample.frames++;
    };
    return { boot, receive: () => undefined, happen };
  }
  const format = make.advertising(module);
  const things = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? drawBlePhone : drawBleThing)(START, random, KEEPS_NOTHING),
  );
  const boot = () => void put(format.boot(agenda.now));
  const receive = (frame: Uint8Array) => {
    const said = Uint8Array.from(frame);
    // It answers once it has heard the frame, not while the driver is still speaking.
    agenda.at(agenda.now + 2, () => void put(format.receive?.(agenda.now, said) ?? new Uint8Array()));
  };
  const happen = () => {
    const advertisement = random.choice(things).at(agenda.now);
    if (put(format.advertisement(agenda.now, advertisement, rssi(), random.choice([37, 37, 38, 39])))) sample.frames++;
  };
  return { boot, receive, happen };
}

type Put = (bytes: Uint8Array) => boolean;
