import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type Emit, SimulatedStore, type StoreOptions } from './store.ts';
import { readPcap, requireTcpdump } from './tcpdump.testing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2024, 4, 6, 6);
const OPEN = START + 2 * HOUR;
const CLOSE = OPEN + 10 * HOUR;
const END = START + 24 * HOUR;

function optionsFor(changes: Partial<StoreOptions> = {}): StoreOptions {
  return {
    seed: 1,
    startMs: START,
    days: [{ openMs: OPEN, closeMs: CLOSE }],
    passersPerHour: 120,
    sensors: [
      { id: 'wifi', driver: 'wifi-pcap' },
      { id: 'lines', driver: 'wifi-lines', fields: 9 },
      { id: 'door', driver: 'door-lines' },
    ],
    ...changes,
  };
}

/** Runs a store and digests who sent what when. */
function digest(store: SimulatedStore, untilMs: number, stepMs: number): string {
  const hash = createHash('sha256');
  const emit: Emit = (id, ms, bytes) => hash.update(`${id} ${ms} `).update(bytes);
  for (let ms = START; ms < untilMs; ms += stepMs) store.advance(ms, emit);
  store.advance(untilMs, emit);
  return hash.digest('hex');
}

/** Runs a store to `untilMs` and gathers the bytes of each sensor. */
function gather(store: SimulatedStore, untilMs: number): Map<string, Buffer> {
  const parts = new Map<string, Uint8Array[]>();
  store.advance(untilMs, (id, _ms, bytes) => {
    const list = parts.get(id) ?? [];
    parts.set(id, list);
    list.push(bytes);
  });
  return new Map([...parts].map(([id, list]) => [id, Buffer.concat(list)]));
}

interface DoorReport {
  boot: string;
  seq: number;
  in: number;
  out: number;
  ms: number;
}

function doorReports(bytes: Buffer | undefined): DoorReport[] {
  const lines = (bytes ?? Buffer.alloc(0)).toString('latin1').split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as DoorReport);
}

describe('SimulatedStore, determinism', () => {
  it('gives the same bytes for the same seed, however the time is cut, and others for another seed', () => {
    const whole = digest(new SimulatedStore(optionsFor()), END, END - START);
    expect(digest(new SimulatedStore(optionsFor()), END, 7_777)).toBe(whole);
    expect(digest(new SimulatedStore(optionsFor({ seed: 2 })), END, END - START)).not.toBe(whole);
  });

  it.each([
    [1, '18a2ac253a5f96247a9247ae39cd9d005d2860c75ef456463316f93b2f74d1bf'],
    [7, '91b69eee33a604084978c32506759ae585d5f8e5954f5531ae5e9cb313ed9765'],
  ])('gives the bytes it always gave for seed %i, whatever else a store can hold by now', (seed, expected) => {
    const store = new SimulatedStore(optionsFor({ seed }));
    store.reboot('wifi', OPEN + HOUR);
    store.reboot('door', OPEN + HOUR);
    store.silence('lines', OPEN, OPEN + HOUR);
    expect(digest(store, END, END - START)).toBe(expected);
  });

  it('emits in time order, nothing before the start or after the time asked for', () => {
    const store = new SimulatedStore(optionsFor());
    let last = START;
    store.advance(OPEN + HOUR, (_id, ms) => {
      expect(ms >= last && ms <= OPEN + HOUR).toBe(true);
      last = ms;
    });
    expect(last).toBeGreaterThan(OPEN + HOUR - MINUTE);
    expect(store.now).toBe(OPEN + HOUR);
  });

  it('keeps the people when the sensors are others', () => {
    const people = (sensors: StoreOptions['sensors']) => {
      const { truth } = run(optionsFor({ sensors }));
      return [truth.passers, truth.entered, truth.staySumMs, truth.phones, truth.staffMs, truth.hours];
    };
    const doors = ['front', 'side'].map((id) => ({ id, driver: 'door-lines' as const }));
    expect(people([])).toEqual(people([...optionsFor().sensors, ...doors]));
  });
});

function run(options: StoreOptions, untilMs = END): SimulatedStore {
  const store = new SimulatedStore(options);
  store.advance(untilMs, () => {});
  return store;
}

describe('SimulatedStore, truth', () => {
  it('conserves people at every moment and is empty at night', () => {
    const store = new SimulatedStore(optionsFor({ seed: 4, entersShare: 0.2 }));
    let fullest = 0;
    for (let ms = START; ms <= END; ms += 5 * MINUTE) {
      store.advance(ms, () => {});
      const { truth } = store;
      expect(truth.entered - truth.left).toBe(truth.inside);
      expect(truth.stays).toBe(truth.left);
      fullest = Math.max(fullest, truth.inside);
    }
    const { truth } = store;
    expect(fullest).toBeGreaterThan(0);
    expect(truth.inside).toBe(0);
    expect(truth.staffInside).toBe(0);
    expect(truth.insideMs).toBe(truth.staySumMs);
    expect(truth.hours.reduce((sum, hour) => sum + hour.passers, 0)).toBe(truth.passers);
    expect(truth.hours.reduce((sum, hour) => sum + hour.entered, 0)).toBe(truth.entered);
    for (const hour of truth.hours)
      if (hour.startMs + HOUR <= OPEN || hour.startMs >= CLOSE) expect(hour.entered).toBe(0);
  });

  it('follows its parameters: traffic, share that enters, stays, short stays, phones', () => {
    const day = 24 * HOUR;
    const days = Array.from({ length: 5 }, (_, i) => ({
      openMs: OPEN + i * day,
      closeMs: CLOSE + i * day,
      campaign: false,
    }));
    const fixed = { passersPerHour: 400, entersShare: 0.2, closedShare: 0, stayMedianMs: 5 * MINUTE, staySigma: 0.8 };
    for (const seed of [5, 6]) {
      const shares = { turnRoundShare: 0.3, phonesPerPerson: 1.1, phonesDrift: 0 };
      const { truth } = run(optionsFor({ seed, days, ...fixed, ...shares, sensors: [] }), START + 5 * day);
      expect(truth.passers / (400 * 50)).toBeGreaterThan(0.95);
      expect(truth.passers / (400 * 50)).toBeLessThan(1.05);
      expect(truth.entered / truth.passers).toBeGreaterThan(0.18);
      expect(truth.entered / truth.passers).toBeLessThan(0.22);
      expect(truth.shortStays / truth.stays).toBeGreaterThan(0.27);
      expect(truth.shortStays / truth.stays).toBeLessThan(0.33);
      expect(truth.phones / truth.passers).toBeGreaterThan(1.07);
      expect(truth.phones / truth.passers).toBeLessThan(1.13);
      // Of the log-normal 2.2 % are short already; the others are cut to 34 s at the mean.
      const cut = (0.3 - 0.0221) / (1 - 0.0221);
      const mean = cut * 34_000 + (1 - cut) * 5 * MINUTE * Math.exp(0.32);
      expect(truth.staySumMs / truth.stays / mean).toBeGreaterThan(0.93);
      expect(truth.staySumMs / truth.stays / mean).toBeLessThan(1.05);
    }
  });

  it('draws what is not fixed from its range, over many seeds', () => {
    const drawn = Array.from(
      { length: 40 },
      (_, seed) => new SimulatedStore({ ...optionsFor({ seed }) }).truth.parameters,
    );
    const spread = (values: number[]) => [Math.min(...values), Math.max(...values)];
    const [lowest, highest] = spread(drawn.map((parameters) => parameters.entersShare));
    expect(lowest).toBeGreaterThanOrEqual(0.03);
    expect(lowest).toBeLessThan(0.08);
    expect(highest).toBeGreaterThan(0.25);
    expect(highest).toBeLessThanOrEqual(0.3);
    expect(new Set(drawn.map((parameters) => parameters.doorMiss))).toEqual(new Set([0.005, 0.01, 0.03, 0.05]));
    expect(new Set(drawn.map((parameters) => parameters.passersPerHour))).toEqual(new Set([120]));
  });
});

describe('SimulatedStore, door', () => {
  const perfect = { doorMiss: 0, doorGroupShort: 0, doorTurnBack: 0 };
  const door = [{ id: 'door', driver: 'door-lines' as const }];

  it('counts exactly customers and staff when it misses nobody', () => {
    const { truth } = run(optionsFor({ ...perfect, sensors: door }));
    const counted = truth.sensors.get('door');
    expect(counted?.in).toBe(truth.entered + truth.staffCrossings / 2);
    expect(counted?.out).toBe(truth.left + truth.staffCrossings / 2);
    expect(truth.staffCrossings).toBeGreaterThanOrEqual(4 * truth.parameters.staff);
    expect(truth.staffCrossings).toBeLessThanOrEqual(20 * truth.parameters.staff);
  });

  it('sends cumulative totals with gapless numbers, a heartbeat every 10 s, ending at what it counted', () => {
    const store = new SimulatedStore(optionsFor({ sensors: door }));
    const reports = doorReports(gather(store, CLOSE).get('door'));
    reports.forEach((report, index) => {
      expect(report.seq).toBe(index);
      const before = reports[index - 1];
      if (before === undefined) return;
      expect(report.in >= before.in && report.out >= before.out).toBe(true);
      expect(report.ms - before.ms).toBeLessThanOrEqual(10_000);
    });
    const counted = store.truth.sensors.get('door');
    expect(reports.at(-1)).toMatchObject({ in: counted?.in, out: counted?.out });
  });

  it('misses in and out by its ratio', () => {
    const busy = {
      passersPerHour: 1_000,
      entersShare: 0.3,
      doorMiss: 0.05,
      doorMissRatio: 1.4,
      staff: 0,
      sensors: door,
    };
    const { truth } = run(optionsFor({ ...perfect, ...busy }));
    const counted = truth.sensors.get('door');
    const missIn = 1 - (counted?.in ?? 0) / truth.entered;
    const missOut = 1 - (counted?.out ?? 0) / truth.left;
    // 5 % in both directions together, 1.4 : 1: 5.8 % in and 4.2 % out, each within three deviations.
    expect(Math.abs(missIn - 0.0583)).toBeLessThan(3 * Math.sqrt(0.0583 / truth.entered));
    expect(Math.abs(missOut - 0.0417)).toBeLessThan(3 * Math.sqrt(0.0417 / truth.left));
  });

  it('counts groups short and people who turn back, each by its share', () => {
    const busy = { passersPerHour: 1_000, entersShare: 0.3, staff: 0, sensors: door };
    const short = run(optionsFor({ ...perfect, ...busy, doorGroupShort: 0.3 })).truth;
    const lost = 1 - (short.sensors.get('door')?.in ?? 0) / short.entered;
    // 45 % of groups of mean size 1.65 lose one person with a chance of 30 %.
    expect(lost).toBeGreaterThan(0.06);
    expect(lost).toBeLessThan(0.105);
    const turned = run(optionsFor({ ...perfect, ...busy, doorTurnBack: 0.08 })).truth;
    expect(turned.sensors.get('door')?.in).toBe(turned.entered + turned.turnBacks);
    expect(turned.turnBacks / turned.entered).toBeGreaterThan(0.06);
    expect(turned.turnBacks / turned.entered).toBeLessThan(0.1);
  });
});

describe('SimulatedStore, wire', () => {
  it('writes captures that tcpdump reads frame by frame as the ledger says', (context) => {
    requireTcpdump(context);
    const store = new SimulatedStore(
      optionsFor({ seed: 9, keepSecrets: true, sensors: [{ id: 'wifi', driver: 'wifi-pcap' }] }),
    );
    const bytes = gather(store, OPEN + 3 * HOUR).get('wifi') ?? Buffer.alloc(0);
    const lines = readPcap(bytes.subarray(bytes.indexOf('<<START>>\r\n') + 11));
    const counts = store.truth.sensors.get('wifi');
    expect(lines).toHaveLength(counts?.sightings ?? 0);
    expect(lines.length).toBeGreaterThan(500);
    expect(counts?.lost).toBeGreaterThan(0);
    const { addresses, ssids } = store.secrets();
    const known = new Set(addresses.map((address) => Buffer.from(address).toString('hex')));
    const asked = new Set<string>();
    let previous = 0;
    for (const line of lines) {
      const fields = /^([\d.]+) 2437 MHz 11g (-\d+)dBm signal .* SA:([\da-f:]{17}) Probe Request \((.*)\) \[/.exec(
        line,
      );
      if (fields === null) throw new Error('a line of another shape');
      expect(Number(fields[1])).toBeGreaterThanOrEqual(previous);
      previous = Number(fields[1]);
      expect(Number(fields[2])).toBeLessThan(0);
      expect(Number(fields[2])).toBeGreaterThanOrEqual(-94);
      expect(known.has(fields[3].replaceAll(':', ''))).toBe(true);
      if (/^[ -~]+$/.test(fields[4]) && !fields[4].includes('M-')) asked.add(fields[4]);
    }
    expect(asked.size).toBeGreaterThan(2);
    for (const ssid of asked) expect(ssids).toContain(ssid);
  });

  it('writes lines of the asked shape, one for each sighting besides the access point', () => {
    const store = new SimulatedStore(optionsFor({ sensors: [{ id: 'lines', driver: 'wifi-lines', fields: 10 }] }));
    const text = (gather(store, OPEN + HOUR).get('lines') ?? Buffer.alloc(0)).toString('utf8');
    const lines = text.split('\r\n').filter((line) => line.includes('|'));
    for (const line of lines) expect(line.split('|')).toHaveLength(10);
    const probes = lines.filter((line) => line.includes('|00|04|'));
    expect(probes).toHaveLength(store.truth.sensors.get('lines')?.sightings ?? 0);
    expect(lines.length).toBeGreaterThan(probes.length);
  });

  it('randomises most addresses burst by burst, and hears visitors louder than passers-by', () => {
    const store = new SimulatedStore(optionsFor({ fixtures: 0, staff: 0, keepSecrets: true, phonesPerPerson: 1 }));
    store.advance(END, () => {});
    const { addresses } = store.secrets();
    const local = addresses.filter((address) => (address[0] & 2) !== 0);
    expect(local.length / addresses.length).toBeGreaterThan(0.85);
    expect(local.length).toBeLessThan(addresses.length);
    expect(addresses.every((address) => (address[0] & 1) === 0)).toBe(true);
    expect(medianRssi({ entersShare: 1 })).toBeGreaterThan(medianRssi({ entersShare: 0 }) + 3);
  });
});

function medianRssi(changes: Partial<StoreOptions>): number {
  const plain = { fixtures: 0, staff: 0, pathLossExponent: 3, size: { width: 8, depth: 10 }, streetMetres: 4 };
  const sensors = [{ id: 'lines', driver: 'wifi-lines' as const }];
  const text = (
    gather(new SimulatedStore(optionsFor({ ...plain, sensors, ...changes })), END).get('lines') ?? ''
  ).toString();
  const values = [...text.matchAll(/\|00\|04\|6\|(-\d+)\r/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  return values[values.length >> 1];
}

describe('SimulatedStore, faults', () => {
  it('cuts a sniffer off in the middle of a record and starts a new stream', () => {
    const store = new SimulatedStore(optionsFor({ sensors: [{ id: 'wifi', driver: 'wifi-pcap' }] }));
    const before = gather(store, OPEN + HOUR).get('wifi') ?? Buffer.alloc(0);
    store.reboot('wifi', OPEN + HOUR + 1);
    const after = gather(store, OPEN + HOUR + 1).get('wifi') ?? Buffer.alloc(0);
    expect(before.indexOf('<<START>>')).toBe(before.lastIndexOf('<<START>>'));
    const boot = after.indexOf('ets Jun');
    expect(boot).toBeGreaterThan(16);
    expect(after.readUInt32LE(8)).toBeGreaterThan(boot - 16);
    expect(after.indexOf('<<START>>')).toBeGreaterThan(boot);
  });

  it('starts a door again from zero under a new boot', () => {
    const store = new SimulatedStore(optionsFor({ sensors: [{ id: 'door', driver: 'door-lines' }] }));
    store.reboot('door', CLOSE - HOUR);
    const reports = doorReports(gather(store, CLOSE).get('door'));
    const restart = reports.findIndex((report, index) => index > 0 && report.boot !== reports[0].boot);
    expect(reports[restart]).toMatchObject({ seq: 0, in: 0, out: 0, ms: 0 });
    expect(reports[restart - 1].in).toBeGreaterThan(0);
    const total = reports[restart - 1].in + (reports.at(-1)?.in ?? 0);
    expect(total).toBe(store.truth.sensors.get('door')?.in);
    expect(new Set(reports.map((report) => report.boot)).size).toBe(2);
  });

  it('loses what a silent sensor sends, while a door goes on counting', () => {
    const store = new SimulatedStore(optionsFor());
    store.silence('wifi', OPEN, OPEN + HOUR);
    store.silence('door', OPEN, OPEN + HOUR);
    const heard: string[] = [];
    store.advance(OPEN + 2 * HOUR, (id, ms) => {
      if (ms >= OPEN && ms < OPEN + HOUR) heard.push(id);
    });
    expect(new Set(heard)).toEqual(new Set(['lines']));
    const undisturbed = run(optionsFor(), OPEN + 2 * HOUR).truth;
    expect(store.truth.sensors.get('door')).toEqual(undisturbed.sensors.get('door'));
    const [silent, normal] = [store.truth, undisturbed].map((truth) => truth.sensors.get('wifi'));
    expect(silent?.sightings).toBeLessThan(normal?.sightings ?? 0);
    expect((silent?.sightings ?? 0) + (silent?.lost ?? 0)).toBe((normal?.sightings ?? 0) + (normal?.lost ?? 0));
  });

  it('says what is wrong with its options and its times', () => {
    const refusals: [Partial<StoreOptions>, RegExp][] = [
      [{ seed: 0.5 }, /seed .* an integer, found 0.5/],
      [{ entersShare: 3 }, /entersShare .* between 0 and 1, found 3/],
      [{ staff: 1.5 }, /staff .* whole number/],
      [{ days: [{ openMs: CLOSE, closeMs: OPEN }] }, /days\[0\]\.closeMs .* later than openMs/],
      [{ days: [{ openMs: START - 1, closeMs: OPEN }] }, /days\[0\]\.openMs/],
      [{ sensors: [...optionsFor().sensors, { id: 'door', driver: 'door-lines' }] }, /sensors\[3\]\.id .* no other/],
    ];
    for (const [changes, message] of refusals) expect(() => new SimulatedStore(optionsFor(changes))).toThrow(message);
    const store = run(optionsFor(), OPEN);
    expect(() => store.advance(OPEN - 1, () => {})).toThrow(/never goes back/);
    expect(() => store.reboot('wifi', OPEN - 1)).toThrow(/never goes back/);
    expect(() => store.silence('nobody', OPEN, CLOSE)).toThrow(/No simulated sensor/);
    expect(() => store.secrets()).toThrow(/keep no addresses/);
  });
});

describe('SimulatedStore, size', () => {
  it('holds who is there, not what was sent, over the busiest day', () => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    const store = new SimulatedStore(optionsFor({ passersPerHour: 1_500, entersShare: 0.3, phonesPerPerson: 1.3 }));
    store.advance(OPEN, () => {});
    collect();
    const before = process.memoryUsage().heapUsed;
    let bytes = 0;
    let pending = 0;
    let heap = 0;
    for (let ms = OPEN; ms <= CLOSE; ms += 10 * MINUTE) {
      store.advance(ms, (_id, _ms, chunk) => {
        bytes += chunk.length;
      });
      pending = Math.max(pending, store.pending);
      if (ms % HOUR === 0) collect();
      if (ms % HOUR === 0) heap = Math.max(heap, process.memoryUsage().heapUsed - before);
    }
    expect(bytes).toBeGreaterThan(20_000_000);
    expect(pending).toBeLessThan(4_000);
    expect(heap).toBeLessThan(6_000_000);
  }, 60_000);
});
