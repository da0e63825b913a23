import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { AdvertisingFormat, AirModule, DoorFormat, DoorModule, Totals } from './formats.ts';
import { SimulatedStore, type StoreOptions } from './store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2024, 4, 6, 6);
const OPEN = START + HOUR;
const CLOSE = OPEN + 10 * HOUR;

/** What the plain sniffer below writes, one JSON line an advertisement. */
interface Heard {
  ms: number;
  channel: number;
  rssi: number;
  address: string;
  random: boolean;
  type: number;
  data: string;
}

/** Writes what it hears as JSON lines; `told` only after it was told to, and says that it was. */
class PlainSniffer implements AdvertisingFormat {
  #listening: boolean;

  constructor({ sensor }: AirModule) {
    this.#listening = sensor.variant !== 'told';
  }

  boot(): Uint8Array {
    return Buffer.from('"boot"\n');
  }

  advertisement(
    ms: number,
    { address, data, ...rest }: Parameters<AdvertisingFormat['advertisement']>[1],
    rssi: number,
    channel: number,
  ): Uint8Array {
    if (!this.#listening) return new Uint8Array(0);
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    const heard: Heard = { ms, channel, rssi, address: hex(address), data: hex(data), ...rest };
    return Buffer.from(`${JSON.stringify(heard)}\n`);
  }

  receive(ms: number, bytes: Uint8Array): Uint8Array {
    this.#listening = true;
    return Buffer.from(`"told ${Buffer.from(bytes).toString()} at ${ms}"\n`);
  }
}

/** Tells its totals 7 ms after it was asked. */
class AskedDoor implements DoorFormat {
  readonly #module: DoorModule;
  #totals: Readonly<Totals> = { in: 0, out: 0 };

  constructor(module: DoorModule) {
    this.#module = module;
  }

  boot(): void {
    this.#totals = { in: 0, out: 0 };
  }

  counted(totals: Readonly<Totals>): void {
    this.#totals = { ...totals };
  }

  receive(): void {
    const { agenda, wire } = this.#module;
    agenda.at(agenda.now + 7, () => wire(Buffer.from(JSON.stringify(this.#totals))));
  }
}

vi.mock('./formats.ts', async (original) => ({
  ...(await original<typeof import('./formats.ts')>()),
  ADVERTISING_FORMATS: {
    plain: (module: AirModule) => new PlainSniffer(module),
    'ble-sniffle': (module: AirModule) => new PlainSniffer(module),
  },
  DOOR_FORMATS: { asked: (module: DoorModule) => new AskedDoor(module) },
}));

function optionsFor(changes: Partial<StoreOptions> = {}): StoreOptions {
  return {
    seed: 1,
    startMs: START,
    days: [{ openMs: OPEN, closeMs: CLOSE }],
    passersPerHour: 120,
    entersShare: 0.3,
    phonesDrift: 0,
    size: { width: 8, depth: 10 },
    sensors: [{ id: 'air', driver: 'plain' }],
    ...changes,
  };
}

/** Runs a store and gathers the lines of one sensor. */
function linesOf(store: SimulatedStore, untilMs: number, id = 'air'): (Heard | string)[] {
  const parts: string[] = [];
  store.advance(untilMs, (sensor, _ms, bytes) => {
    if (sensor === id) parts.push(Buffer.from(bytes).toString());
  });
  return parts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Heard | string);
}

function heardBy(store: SimulatedStore, untilMs: number, id = 'air'): Heard[] {
  return linesOf(store, untilMs, id).filter((line) => typeof line !== 'string');
}

/** The two top bits of a random address say of which kind it is. */
function kindOf({ address, random }: Heard): 'public' | 'static' | 'resolvable' | 'other' {
  if (!random) return 'public';
  const top = Number.parseInt(address.slice(0, 2), 16) >> 6;
  return top === 3 ? 'static' : top === 1 ? 'resolvable' : 'other';
}

function byAddress(heard: readonly Heard[]): Heard[][] {
  const groups = new Map<string, Heard[]>();
  for (const one of heard) {
    const group = groups.get(one.address) ?? [];
    groups.set(one.address, group);
    group.push(one);
  }
  return [...groups.values()];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

/** A radio in which nothing is lost. */
const CLEAR = { frameLoss: 0, pathLossExponent: 2.2, shadowingDb: 4, bodyLossDb: 0, frontLossDb: 0 };

describe('the Bluetooth of a simulated store', () => {
  it('is the same for the same seed, however the time is cut', () => {
    const digest = (stepMs: number): string => {
      const store = new SimulatedStore(optionsFor());
      const hash = createHash('sha256');
      for (let ms = START; ms <= OPEN + 2 * HOUR; ms += stepMs) {
        store.advance(ms, (id, at, bytes) => hash.update(`${id} ${at} `).update(bytes));
      }
      store.advance(OPEN + 2 * HOUR, (id, at, bytes) => hash.update(`${id} ${at} `).update(bytes));
      return hash.digest('hex');
    };
    expect(digest(7_777)).toBe(digest(3 * HOUR));
  });

  it('leaves the people as they are, and is nothing where nobody hears it', () => {
    const run = (sensors: StoreOptions['sensors']) => {
      const store = new SimulatedStore(optionsFor({ sensors }));
      store.advance(CLOSE, () => {});
      return store.truth;
    };
    const [without, with1] = [run([]), run([{ id: 'air', driver: 'plain' }])];
    const people = (truth: typeof without) => [
      truth.passers,
      truth.entered,
      truth.staySumMs,
      truth.phones,
      truth.staffMs,
    ];
    expect(people(with1)).toEqual(people(without));
    expect([without.advertisersMs, without.staffAdvertisersMs]).toEqual([0, 0]);
    expect(with1.staffAdvertisersMs).toBeGreaterThan(0);
  });

  it('gives phones a new resolvable address every 12 to 18 minutes, while things keep theirs', () => {
    const changes = { ...CLEAR, passersPerHour: 20, staff: 12, phonesPerPerson: 0, advertisingFixtures: 15 };
    const addresses = byAddress(heardBy(new SimulatedStore(optionsFor(changes)), CLOSE));
    const lives = { resolvable: [] as number[], fixed: [] as number[] };
    for (const heard of addresses) {
      const kind = kindOf(heard[0]);
      expect(kind).not.toBe('other');
      expect(new Set(heard.map(({ data }) => data)).size).toBe(1);
      lives[kind === 'resolvable' ? kind : 'fixed'].push(heard[heard.length - 1].ms - heard[0].ms);
    }
    expect(lives.resolvable.length).toBeGreaterThan(60);
    expect(Math.max(...lives.resolvable)).toBeLessThanOrEqual(18 * MINUTE);
    expect(median(lives.resolvable)).toBeGreaterThan(12 * MINUTE);
    expect(median(lives.resolvable)).toBeLessThan(16 * MINUTE);
    expect(median(lives.fixed)).toBeGreaterThan(9 * HOUR);
  });

  it('lets a phone advertise every 0.2 to 2 seconds', () => {
    const changes = { ...CLEAR, staff: 0, advertisingFixtures: 0 };
    const phones = byAddress(heardBy(new SimulatedStore(optionsFor(changes)), OPEN + 2 * HOUR));
    const intervals = phones
      .filter((heard) => heard.length > 20)
      .map((heard) => median(heard.slice(1).map(({ ms }, index) => ms - heard[index].ms)));
    expect(intervals.length).toBeGreaterThan(30);
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(2_010);
    expect(Math.max(...intervals) - Math.min(...intervals)).toBeGreaterThan(1_200);
  });

  it('has 60 % of phones advertise, and knows for how long they did', () => {
    let [advertising, phones] = [0, 0];
    for (const seed of [1, 2, 3, 4]) {
      const fixed = { seed, phonesPerPerson: 1, passersPerHour: 600, entersShare: 0.3, staff: 0 };
      const store = new SimulatedStore(
        optionsFor({ ...fixed, sensors: [{ id: 'air', driver: 'plain', at: { x: 0, y: 1e6 } }] }),
      );
      store.advance(CLOSE, () => {});
      advertising += store.truth.advertisersMs;
      phones += store.truth.insideMs;
      expect(store.truth.sensors.get('air')).toMatchObject({ advertisements: 0, lost: 0 });
      store.advance(CLOSE + HOUR, () => {});
      expect([store.truth.advertisersInside, store.truth.staffAdvertisersInside]).toEqual([0, 0]);
    }
    expect(advertising / phones).toBeGreaterThan(0.56);
    expect(advertising / phones).toBeLessThan(0.64);
  });

  it('writes down each one that it counts, with an address that is kept and structures that fit', () => {
    const store = new SimulatedStore(optionsFor({ keepSecrets: true }));
    const heard = heardBy(store, OPEN + 3 * HOUR);
    const counts = store.truth.sensors.get('air');
    expect(heard).toHaveLength(counts?.advertisements ?? 0);
    expect(counts?.lost).toBeGreaterThan(0);
    const known = new Set(store.secrets().addresses.map((address) => Buffer.from(address).toString('hex')));
    const made = new Set<string>();
    for (const { address, rssi, data, random, type } of heard) {
      expect(known.has(address)).toBe(true);
      expect(rssi >= -95 && rssi < 0).toBe(true);
      const bytes = Buffer.from(data, 'hex');
      expect(bytes.length).toBeLessThanOrEqual(31);
      let at = 0;
      while (at < bytes.length) at += bytes[at] + 1;
      expect(at).toBe(bytes.length);
      made.add(`${random} ${type} ${data.slice(0, 18)}`);
    }
    // iPhones with Nearby Info, Android phones with Nearby Share, Samsung's.
    for (const start of ['02011a0aff4c0010', '02010203', '02010219ff7500'])
      expect(
        [...made].some((one) => one.includes(start)),
        start,
      ).toBe(true);
  });

  it('is heard on one of three channels, or on the one that a receiver stays on', () => {
    const sensors = [
      { id: 'air', driver: 'plain' },
      { id: 'one', driver: 'plain', channel: 38 },
      { id: 'sniffle', driver: 'ble-sniffle' },
    ];
    const channels = (id: string) => heardBy(new SimulatedStore(optionsFor({ sensors })), OPEN + HOUR, id);
    const shares = [37, 38, 39].map((channel) => {
      const heard = channels('air');
      return heard.filter((one) => one.channel === channel).length / heard.length;
    });
    for (const share of shares) expect(Math.abs(share - 1 / 3)).toBeLessThan(0.03);
    expect(new Set(channels('one').map(({ channel }) => channel))).toEqual(new Set([38]));
    expect(new Set(channels('sniffle').map(({ channel }) => channel))).toEqual(new Set([37]));
    const wrong = { sensors: [{ id: 'air', driver: 'plain', channel: 6 }] };
    expect(() => new SimulatedStore(optionsFor(wrong))).toThrow(/sensors\[0\]\.channel .* 37, 38 or 39, found 6/);
  });

  it('is louder inside than on the street, and nearer than far', () => {
    const plain = { ...CLEAR, staff: 0, advertisingFixtures: 0, pathLossExponent: 3, streetMetres: 4 };
    const medianRssi = (entersShare: number, y: number): number => {
      const sensors = [{ id: 'air', driver: 'plain', at: { x: 0, y } }];
      const store = new SimulatedStore(optionsFor({ ...plain, entersShare, sensors }));
      return median(heardBy(store, OPEN + 2 * HOUR).map(({ rssi }) => rssi));
    };
    expect(medianRssi(0.9, 5)).toBeGreaterThan(medianRssi(0, 5) + 3);
    expect(medianRssi(0, 1)).toBeGreaterThan(medianRssi(0, 9) + 3);
    const store = new SimulatedStore(optionsFor(plain));
    expect(store.streetDbm('air')).toBeLessThan(-62);
  });

  it('loses what its parameters say', () => {
    const loss = (frameLoss: number): number => {
      const store = new SimulatedStore(optionsFor({ ...CLEAR, frameLoss }));
      store.advance(OPEN + 3 * HOUR, () => {});
      const { advertisements, lost } = store.truth.sensors.get('air') ?? { advertisements: 0, lost: 0 };
      return lost / (lost + advertisements);
    };
    expect(loss(0.4) - loss(0)).toBeGreaterThan(0.36);
    expect(loss(0.4) - loss(0)).toBeLessThan(0.42);
  });
});

describe('a simulated Bluetooth sniffer', () => {
  it('hears what it is told and answers, at the time of the store', () => {
    const store = new SimulatedStore(optionsFor({ sensors: [{ id: 'air', driver: 'plain', variant: 'told' }] }));
    expect(linesOf(store, OPEN + HOUR)).toEqual(['boot']);
    expect(store.truth.sensors.get('air')?.advertisements).toBe(0);
    const frame = Buffer.from('go');
    store.receive('air', frame);
    frame.fill(0);
    const [answer, ...heard] = linesOf(store, OPEN + 2 * HOUR);
    expect(answer).toBe(`told go at ${OPEN + HOUR}`);
    expect(heard).toHaveLength(store.truth.sensors.get('air')?.advertisements ?? 0);
    expect(heard.length).toBeGreaterThan(1_000);
    expect(() => store.receive('nobody', frame)).toThrow(/No simulated sensor/);
  });

  it('restarts in the middle of a frame', () => {
    const store = new SimulatedStore(optionsFor());
    store.advance(OPEN, () => {});
    store.reboot('air', OPEN + 1);
    const parts: string[] = [];
    store.advance(OPEN + 1, (_id, _ms, bytes) => parts.push(Buffer.from(bytes).toString()));
    const boot = parts.indexOf('"boot"\n');
    expect(boot).toBeGreaterThan(0);
    expect(parts[boot - 1]).toMatch(/^\{"ms":/);
    expect(() => JSON.parse(parts[boot - 1])).toThrow(/JSON/);
    // Everything else goes on as it would have.
    const undisturbed = new SimulatedStore(optionsFor());
    const [heard, otherwise] = [store, undisturbed].map((one) => heardBy(one, OPEN + HOUR));
    expect(heard).toEqual(otherwise.filter(({ ms }) => ms > OPEN + 1));
    expect(heard.length).toBeGreaterThan(1_000);
  });

  it('loses what goes over its line while that is silent, either way', () => {
    const store = new SimulatedStore(optionsFor());
    store.silence('air', OPEN, OPEN + HOUR);
    store.advance(OPEN, () => {});
    const before = store.truth.sensors.get('air')?.lost ?? 0;
    store.receive('air', Buffer.from('lost'));
    expect(linesOf(store, OPEN + HOUR - 1)).toEqual([]);
    expect(store.truth.sensors.get('air')?.lost).toBeGreaterThan(before + 1_000);
    expect(heardBy(store, OPEN + 2 * HOUR).length).toBeGreaterThan(1_000);
  });
});

describe('a simulated door that has to be asked', () => {
  const options = () => optionsFor({ sensors: [{ id: 'door', driver: 'asked' }] });
  const ask = (store: SimulatedStore, untilMs: number): (Totals & { ms: number })[] => {
    const answers: (Totals & { ms: number })[] = [];
    store.receive('door', Buffer.from('?'));
    store.advance(untilMs, (_id, ms, bytes) => answers.push({ ...JSON.parse(Buffer.from(bytes).toString()), ms }));
    return answers;
  };

  it('answers with the totals of its boot, and is silent unless asked', () => {
    const store = new SimulatedStore(options());
    store.advance(OPEN + HOUR, () => expect.unreachable('it was not asked'));
    const counted = store.truth.sensors.get('door');
    const [before] = ask(store, OPEN + HOUR + 7);
    expect(before).toMatchObject({ ms: OPEN + HOUR + 7, in: counted?.in, out: counted?.out });
    expect(before.in).toBeGreaterThan(0);
    store.reboot('door', OPEN + HOUR + 8);
    store.advance(OPEN + HOUR + 8, () => {});
    expect(ask(store, OPEN + HOUR + 15)).toEqual([{ in: 0, out: 0, ms: OPEN + HOUR + 15 }]);
    expect(store.truth.sensors.get('door')?.in).toBeGreaterThanOrEqual(before.in);
  });

  it('hears no question over a silent line, and goes on counting', () => {
    const store = new SimulatedStore(options());
    store.silence('door', OPEN, OPEN + HOUR);
    store.advance(OPEN, () => {});
    expect(ask(store, OPEN + HOUR)).toEqual([]);
    expect(ask(store, OPEN + HOUR + 10)[0].in).toBe(store.truth.sensors.get('door')?.in);
  });

  it('is asked in time by timers on the clock of the store, however the time is cut', () => {
    const asked = (stepMs: number) => {
      const store = new SimulatedStore(options());
      const { clock } = store;
      const answers: string[] = [];
      const polls = clock.every(1_000, () => store.receive('door', Buffer.from('?')));
      clock.after(500, () => {
        answers.push(`after ${clock.monotonic() - START}`);
      });
      clock.after(400, () => expect.unreachable('it was cancelled')).cancel();
      clock.after(10_500, () => polls.cancel());
      for (let ms = START; ms <= START + 20_000; ms += stepMs) {
        store.advance(ms, (_id, at, bytes) => answers.push(`${at - START} ${Buffer.from(bytes)}`));
      }
      expect(clock.wall()).toBe(store.now);
      return answers;
    };
    const whole = asked(20_000);
    expect(whole).toHaveLength(11);
    expect(whole.slice(0, 2)).toEqual(['after 500', '1007 {"in":0,"out":0}']);
    expect(whole[10]).toMatch(/^10007 /);
    expect(asked(250)).toEqual(whole);
  });
});
