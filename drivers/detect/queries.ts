/**
 * Questions to sensors that are silent until they are asked. None of them changes anything: totals, versions and signs of
 * life are read, nothing is set, switched or reset.
 */
import type { Driver } from '../driver.ts';
import { driverNamed } from '../registry.ts';
import type { LineSettings } from '../transport/port.ts';
import type { Finding } from './finding.ts';
import type { Exchange } from './line.ts';
import { askModbus } from './modbus.ts';
import { emptySample, SampleSink } from './sample.ts';
import { variantOf } from './variants.ts';

export interface Query {
  /** Whose sensor may answer. */
  driver: string;
  /** For people: what is asked. */
  what: string;
  line: LineSettings;
  /** The sensor on a bus; a bus where one has answered is asked for the others too. */
  unit: number | null;
  ask(exchange: Exchange): Promise<Finding | null>;
}

const UNITS = [1, 2, 3];
const MODBUS_SPEEDS = [9_600, 19_200];
const MODBUS_FRAMES: Omit<LineSettings, 'baudRate'>[] = [{}, { parity: 'even' }, { stopBits: 2 }];
/** The drivers' own: 500 ms for an HPC168, 300 ms for a turnstile. */
const POLL_ANSWER_MS = 500;
const SIGN_MS = 300;

/** An empty packet of protocol version 1 with the id of a ping, 0D. */
const NRF_PING = Uint8Array.of(0xab, 0x06, 0x00, 0x01, 0x00, 0x00, 0x0d, 0xbc);
/** One group of three octets, the command for the version, 24. */
const SNIFFLE_VERSION = Buffer.from('ASQ=\r\n');
/** Read Local Version Information (Bluetooth Core 5.4, Vol 4, Part E, 7.4.1). */
const HCI_VERSION = Uint8Array.of(0x01, 0x01, 0x10, 0x00);

/**
 * In the order in which they are asked. The Bluetooth controllers come first: the rest of what they take for a command
 * would keep them from hearing theirs.
 * @param speeds the likeliest first.
 */
export function queriesFor(speeds: readonly number[]): Query[] {
  const controllers = [1_000_000, 115_200].map((baudRate) =>
    sign('ble-hci', 'Bluetooth controller', baudRate, HCI_VERSION),
  );
  const others = [
    ...polls('door-hpc168', [115_200, 9_600]),
    ...polls('door-turnstile', [9_600]),
    ...MODBUS_SPEEDS.flatMap((baudRate) => MODBUS_FRAMES.flatMap((frame) => modbus({ baudRate, ...frame }))),
    ...[1_000_000, 460_800].map((baudRate) => sign('ble-nrf', 'nRF Sniffer', baudRate, NRF_PING)),
    ...[2_000_000, 921_600].map((baudRate) => sign('ble-sniffle', 'Sniffle', baudRate, SNIFFLE_VERSION)),
    bleuio,
  ];
  const rank = ({ line }: Query) => {
    const place = speeds.indexOf(line.baudRate);
    return place < 0 ? speeds.length : place;
  };
  return [...controllers, ...others.sort((a, b) => rank(a) - rank(b))];
}

function modbus(line: LineSettings): Query[] {
  return UNITS.map((unit) => ({
    driver: 'door-modbus',
    what: `Modbus unit ${unit}`,
    line,
    unit,
    ask: (exchange) => askModbus(exchange, line, unit),
  }));
}

/** A sensor that its driver polls: the driver asks, and reads the answer. */
function polls(name: string, speeds: readonly number[]): Query[] {
  const driver = driverNamed(name);
  return speeds.flatMap((baudRate) =>
    UNITS.map((unit): Query => {
      const line = { baudRate };
      const question = pollOf(driver, unit);
      const ask = (exchange: Exchange) =>
        askTwice(exchange, { driver, line, unit, question, timeoutMs: POLL_ANSWER_MS });
      return { driver: name, what: `${name} unit ${unit}`, line, unit, ask };
    }),
  );
}

function sign(name: string, what: string, baudRate: number, question: Uint8Array): Query {
  const driver = driverNamed(name);
  const line = { baudRate };
  const ask = (exchange: Exchange) => askTwice(exchange, { driver, line, unit: null, question, timeoutMs: SIGN_MS });
  return { driver: name, what, line, unit: null, ask };
}

interface Asking {
  driver: Driver;
  line: LineSettings;
  unit: number | null;
  question: Uint8Array;
  timeoutMs: number;
}

/** One answer may be chance, or another's; two are none. */
async function askTwice(exchange: Exchange, asking: Asking): Promise<Finding | null> {
  const { driver, line, unit, question, timeoutMs } = asking;
  const decoder = driver.createDecoder(unit === null ? {} : { unit });
  const sink = new SampleSink();
  const since = exchange.clock.monotonic();
  const heard: Uint8Array[] = [];
  for (let round = 1; round <= 2; round++) {
    const scratch = driver.createDecoder(unit === null ? {} : { unit });
    let seen = 0;
    const whole = (bytes: Uint8Array) => {
      scratch.push(bytes.subarray(seen), exchange.clock.wall(), new SampleSink());
      seen = bytes.length;
      return scratch.counts.accepted > 0;
    };
    const answer = await exchange.ask(question, timeoutMs, whole);
    heard.push(answer);
    decoder.push(answer, exchange.clock.wall(), sink);
    if (decoder.counts.accepted === 0) return null;
  }
  const { accepted, bytes } = decoder.counts;
  const ms = Math.round(exchange.clock.monotonic() - since);
  return {
    driver: driver.name,
    line,
    variant: variantOf(driver.name, Buffer.concat(heard)),
    profile: '',
    unit,
    confidence: accepted > 1 ? 'certain' : 'likely',
    evidence: { how: 'asked', accepted, rejected: Math.max(0, 2 - accepted), explained: null, bytes, ms },
    sample: sink.sample,
    note: '',
  };
}

/** What the driver itself asks first. */
function pollOf(driver: Driver, unit: number): Uint8Array {
  const { speaker } = driver.createDecoder({ unit });
  let question: Uint8Array = new Uint8Array(0);
  speaker?.open(0);
  speaker?.speak(0, (frame) => {
    question = frame;
  });
  return question;
}

/**
 * A BleuIO in terse mode answers AT as any modem does. ATV1 is what a modem answers with words by, which is its usual state
 * (ITU-T V.250, 6.2.6), and one that answered AT with words is in it; a BleuIO answers in JSON from then on, and is set
 * back. So nothing has changed at the end.
 */
const bleuio: Query = {
  driver: 'ble-json',
  what: 'AT dongle',
  line: { baudRate: 115_200 },
  unit: null,
  async ask(exchange) {
    const since = exchange.clock.monotonic();
    const say = (line: string, whole: RegExp) =>
      exchange.ask(Buffer.from(`${line}\r`), POLL_ANSWER_MS, (bytes) => whole.test(textOf(bytes)));
    const terse = /^OK\r?$/m;
    const verbose = /^\{"A":\d+,"err":\d+,.*\}\r?$/m;
    // The line end in front ends what other questions left there.
    const first = await say('\rAT', new RegExp(`${terse.source}|${verbose.source}`, 'm'));
    const wasVerbose = verbose.test(textOf(first));
    if (!wasVerbose && !terse.test(textOf(first))) return null;
    const second = wasVerbose ? first : await say('ATV1', new RegExp(`${verbose.source}|${terse.source}`, 'm'));
    if (!verbose.test(textOf(second))) return null;
    if (!wasVerbose) await say('ATV0', /OK|ERROR|"err"/);
    const ms = Math.round(exchange.clock.monotonic() - since);
    const bytes = first.length + second.length;
    return {
      driver: 'ble-json',
      line: this.line,
      variant: 'BleuIO',
      profile: '',
      unit: null,
      confidence: 'likely',
      evidence: { how: 'asked', accepted: wasVerbose ? 1 : 2, rejected: 0, explained: null, bytes, ms },
      sample: emptySample(),
      note: '',
    };
  },
};

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
