import { describe, expect, it } from 'vitest';
import type { Decoder, Driver, ReadingSink } from '../drivers/driver.ts';
import { DRIVERS } from '../drivers/registry.ts';
import { type FuzzReport, fuzz } from '../scripts/fuzz/fuzz.ts';
import { reportText } from '../scripts/fuzz/report.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const SECONDS = 6;
/** A planted fault ends the run when it is found: in a moment, on an idle machine. */
const PATIENCE_SECONDS = 40;
/**
 * The share of damaged frames that may be read as another total or device, where there is a checksum: of 16 bits, of 8 and
 * the balance, of 8 twice; the nRF Sniffer's is believed only once it has proven right.
 */
const MOST_PHANTOMS = {
  'door-modbus': 0.001,
  'door-teraranger': 0.001,
  'door-hpc168': 0.01,
  'door-turnstile': 0.01,
  'ble-nrf': 0.01,
};

function outcome({ failure }: FuzzReport): string {
  return failure === undefined
    ? 'nothing found'
    : `${failure.subject}, --seed ${seed} --driver ${failure.driver} --from ${failure.iteration}: ${failure.reason}`;
}

describe(`fuzzing (SEED=${seed})`, () => {
  it('finds nothing in any decoder', { timeout: 60_000 }, () => {
    const report = fuzz({ drivers: DRIVERS.values(), seconds: SECONDS, seed, tell: () => undefined });
    console.log(`SEED=${seed}\n${reportText(report)}`);
    expect(outcome(report)).toBe('nothing found');
    expect([...report.rows.keys()].sort()).toEqual([...DRIVERS.keys()].sort());
    for (const [driver, row] of report.rows) expect(row.accepted, driver).toBeGreaterThan(row.intact / 4);
    for (const [driver, share] of Object.entries(MOST_PHANTOMS)) {
      const { phantoms = Number.NaN, mutated = 0 } = report.rows.get(driver) ?? {};
      expect(phantoms, driver).toBeLessThanOrEqual(5 + share * mutated);
    }
  });

  it('repeats a case by its seed and its number', () => {
    const run = (from: number, cases: number) =>
      fuzz({ drivers: DRIVERS.values(), seconds: 60, seed, from, cases, tell: () => undefined });
    const [whole, first, second] = [run(0, 60), run(0, 30), run(30, 30)];
    expect(outcome(whole)).toBe('nothing found');
    expect(whole.mutated).toBe(first.mutated + second.mutated);
    for (const [driver, row] of whole.rows) {
      expect(row.accepted, driver).toBe(
        (first.rows.get(driver)?.accepted ?? 0) + (second.rows.get(driver)?.accepted ?? 0),
      );
    }
  });
});

/** What is wrong with a decoder that is right otherwise; may change what it is pushed, or do harm. */
type Plant = (inner: Decoder) => Partial<Pick<Decoder, 'push' | 'counts' | 'speaker'>>;

const holdsAfter = (bytes: Uint8Array, first: number, second: number) =>
  bytes.some((octet, at) => octet === first && bytes[at + 1] === second);

const PLANTS: Record<string, { driver: string; plant: Plant; finds: RegExp; seconds?: number }> = {
  'an exception at two octets in a row': {
    driver: 'wifi-lines',
    plant: (inner) => ({
      push(bytes, arrival, sink) {
        if (holdsAfter(bytes, 0x7c, 0x7c)) throw new RangeError('planted');
        inner.push(bytes, arrival, sink);
      },
    }),
    finds: /planted/,
  },
  'a push that is not counted': {
    driver: 'door-lines',
    plant: (inner) => ({
      push(bytes, arrival, sink) {
        if (bytes.length !== 1 || bytes[0] !== 0x0a) inner.push(bytes, arrival, sink);
      },
    }),
    finds: /bytes were pushed/,
  },
  'a frame that is counted twice': {
    driver: 'ble-sniffle',
    plant: (inner) => ({
      get counts() {
        return { ...inner.counts, accepted: inner.counts.accepted * 1_000 };
      },
    }),
    finds: /frames were counted/,
  },
  'a result that depends on where a push ends': {
    driver: 'wifi-json',
    plant: (inner) => ({
      push(bytes, arrival, sink) {
        // As of a decoder that forgets what it held.
        const copy = Uint8Array.from(bytes);
        if (copy[0] === 0x22) copy[0] = 0x27;
        inner.push(copy, arrival, sink);
      },
    }),
    finds: /another result|no frame was read/,
  },
  'a stream that is lost for good': {
    driver: 'ble-nrf',
    plant: (inner) => {
      let lost = false;
      return {
        push(bytes, arrival, sink) {
          lost ||= holdsAfter(bytes, 0xab, 0xab);
          inner.push(lost ? new Uint8Array(bytes.length) : bytes, arrival, sink);
        },
      };
    },
    // What it is lost by may lie over two pushes.
    finds: /no frame was read|another result/,
  },
  'an RSSI that cannot be': {
    driver: 'ble-hci',
    plant: (inner) =>
      reading(inner, (sink) => ({
        ...sink,
        advertisement(one) {
          one.rssi = one.rssi === -61 ? 61 : one.rssi;
          sink.advertisement(one);
        },
      })),
    finds: /an RSSI in range, found 61/,
  },
  'a total of 33 bits': {
    driver: 'door-hpc168',
    plant: (inner) =>
      reading(inner, (sink) => ({
        ...sink,
        counter: (time, entered, left, boot, width) =>
          sink.counter(time, entered > 10 ? entered + 2 ** 32 : entered, left, boot, width),
      })),
    finds: /totals in range/,
  },
  'a reading of the future': {
    driver: 'door-contact',
    plant: (inner) =>
      reading(inner, (sink) => ({
        ...sink,
        crossing: (time, entered, left) => sink.crossing(time + 1, entered, left),
      })),
    finds: /a time in range, found 1/,
  },
  'a loop over all that ever came': {
    driver: 'door-radar',
    plant: (inner) => ({
      push(bytes, arrival, sink) {
        if (holdsAfter(bytes, 0xaa, 0xaa)) holdUp();
        inner.push(bytes, arrival, sink);
      },
    }),
    finds: /bytes took \d+ ms/,
  },
  'bytes that are kept': {
    // Judged when the time is over.
    seconds: 5,
    driver: 'door-turnstile',
    plant: (inner) => {
      const kept: Uint8Array[] = [];
      return {
        push(bytes, arrival, sink) {
          kept.push(new Uint8Array(64 * bytes.length));
          inner.push(bytes, arrival, sink);
        },
      };
    },
    finds: /what is alive grew/,
  },
  'a speaker that spins': {
    driver: 'door-teraranger',
    plant: () => ({ speaker: { waiting: false, open: () => undefined, speak: (now) => now } }),
    finds: /the speaker spins/,
  },
  'a speaker that says two things at once': {
    driver: 'ble-json',
    plant: ({ speaker }) => ({
      speaker: {
        waiting: false,
        open: (now) => speaker?.open(now),
        speak(now, send) {
          const due = speaker?.speak(now, send) ?? 0;
          return speaker?.speak(now, send) ?? due;
        },
      },
    }),
    finds: /frames were said at once/,
  },
};

/** Longer than any stream may take. */
function holdUp(): void {
  for (const end = performance.now() + 3_000; performance.now() < end; );
}

function reading(inner: Decoder, changed: (sink: ReadingSink) => ReadingSink): Partial<Decoder> {
  return { push: (bytes, arrival, sink) => inner.push(bytes, arrival, changed(bound(sink))) };
}

/** A sink whose calls may be taken one by one. */
function bound(sink: ReadingSink): ReadingSink {
  return {
    sighting: (one) => sink.sighting(one),
    advertisement: (one) => sink.advertisement(one),
    crossing: (...values) => sink.crossing(...values),
    counter: (...values) => sink.counter(...values),
    transaction: (...values) => sink.transaction(...values),
  };
}

function planted(driver: Driver, plant: Plant): Driver {
  return {
    ...driver,
    createDecoder(options) {
      const inner = driver.createDecoder(options);
      const fault = plant(inner);
      return {
        get counts() {
          return fault.counts ?? inner.counts;
        },
        ...('speaker' in fault ? { speaker: fault.speaker } : inner.speaker && { speaker: inner.speaker }),
        push: (bytes, arrival, sink) => (fault.push ?? inner.push.bind(inner))(bytes, arrival, sink),
      } as Decoder;
    },
  };
}

describe(`the oracle of the fuzzing (SEED=${seed})`, () => {
  it.each(Object.entries(PLANTS))(
    'finds %s',
    { timeout: 60_000 },
    (_, { driver, plant, finds, seconds = PATIENCE_SECONDS }) => {
      const suspect = (one: Driver) => (one.name === driver ? planted(one, plant) : one);
      const report = fuzz({
        drivers: DRIVERS.values(),
        seconds,
        seed,
        driver,
        plant: suspect,
        tell: () => undefined,
      });
      expect(outcome(report)).toMatch(finds);
      expect(report.failure?.driver).toBe(driver);
    },
  );
});
