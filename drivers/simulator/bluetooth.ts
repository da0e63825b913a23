import { Advertiser, type AdvertisingScene } from './advertiser.ts';
import type { Agenda } from './agenda.ts';
import { type BleDevice, drawBlePhone, drawBleThing, drawEarphones, drawWatch } from './ble-device.ts';
import type { BleReceiver } from './ble-receiver.ts';
import type { Calendar } from './calendar.ts';
import type { SecretSink } from './device.ts';
import type { StoreParameters } from './parameters.ts';
import { type Place, Spot } from './place.ts';
import type { Random } from './random.ts';
import type { Ledger } from './truth.ts';

/** Shares of those with a phone that advertises who wear something that does, too. */
const WATCH_SHARE = 0.15;
const EARPHONES_SHARE = 0.12;
/** Share of things that are only powered in opening hours, and how far outside them. */
const DAY_SHARE = 0.4;
const POWER_MARGIN_MS = 15 * 60_000;

interface BleWorld {
  agenda: Agenda;
  calendar: Calendar;
  parameters: StoreParameters;
  ledger: Ledger;
  secrets: SecretSink;
  receivers: readonly BleReceiver[];
  /** A stream of its own: who else is in the store does not depend on what advertises there. */
  random: Random;
}

/** A stay within reach: when it begins and ends, and when the door is crossed (both infinite for one who passes). */
interface Stay {
  fromMs: number;
  untilMs: number;
  inMs: number;
  outMs: number;
}

/** Everything that advertises. A store without a Bluetooth sniffer has none, and nothing is drawn for it. */
export class Bluetooth {
  readonly #world: BleWorld;
  readonly #scene: AdvertisingScene;

  constructor(world: BleWorld) {
    this.#world = world;
    const { agenda, random, receivers, parameters } = world;
    this.#scene = { agenda, random, receivers, bodyLossDb: parameters.bodyLossDb };
  }

  /** Powers what is installed, for good or day by day. */
  start(): void {
    const { agenda, calendar, parameters, random, secrets } = this.#world;
    for (let i = 0; i < parameters.advertisingFixtures; i++) {
      const device = drawBleThing(agenda.now, random, secrets);
      const place = this.#drawSpot();
      if (!random.chance(DAY_SHARE)) {
        new Advertiser(this.#scene, device, place, agenda.now, Number.POSITIVE_INFINITY);
        continue;
      }
      for (const { openMs, closeMs } of calendar.days) {
        const [fromMs, untilMs] = [openMs - POWER_MARGIN_MS, closeMs + POWER_MARGIN_MS];
        agenda.at(fromMs, () => new Advertiser(this.#scene, device, place, fromMs, untilMs));
      }
    }
  }

  /** What of one person with so many phones advertises. */
  outfit(phones: number): readonly BleDevice[] {
    const { agenda, parameters, random, secrets } = this.#world;
    const devices: BleDevice[] = [];
    for (let i = 0; i < phones; i++) {
      if (random.chance(parameters.advertiserShare)) devices.push(drawBlePhone(agenda.now, random, secrets));
    }
    if (devices.length === 0) return devices;
    if (random.chance(WATCH_SHARE)) devices.push(drawWatch(agenda.now, random, secrets));
    if (random.chance(EARPHONES_SHARE)) devices.push(drawEarphones(agenda.now, random, secrets));
    return devices;
  }

  /** An outfit is carried along. */
  carry(devices: readonly BleDevice[], place: Place, stay: Stay, staff: boolean): void {
    const { agenda, ledger } = this.#world;
    for (const device of devices) new Advertiser(this.#scene, device, place, stay.fromMs, stay.untilMs);
    const phones = devices.filter(({ phone }) => phone).length;
    if (phones === 0 || stay.inMs === Number.POSITIVE_INFINITY) return;
    agenda.at(stay.inMs, () => ledger.advertisersCross(agenda.now, phones, staff));
    agenda.at(stay.outMs, () => ledger.advertisersCross(agenda.now, -phones, staff));
  }

  /** Four in five stand in the store, the rest at the neighbours'. */
  #drawSpot(): Spot {
    const { parameters, random } = this.#world;
    const { width, depth } = parameters.size;
    const inside = random.chance(0.8);
    const x = inside ? random.uniform(-0.5, 0.5) * width : random.choice([-1, 1]) * (width / 2 + random.uniform(3, 12));
    return new Spot(x, random.uniform(0.5, depth));
  }
}
