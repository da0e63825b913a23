import type { Agenda } from './agenda.ts';
import type { BleDevice } from './ble-device.ts';
import type { BleReceiver } from './ble-receiver.ts';
import type { Place } from './place.ts';
import type { Random } from './random.ts';

/** Place and shadowing hold for a spell, and are taken up again at its end. Something fixed has longer ones. */
const CARRIED_SPELL_MS = 2_000;
const FIXED_SPELL_MS = 10_000;
/** How long the changing part of the shadowing remembers: the time to walk a metre or two, people passing a fixture. */
const SHADOW_MEMORY_MS = 8_000;
/** Share of spells with a body between a carried device and the sniffers, and how often that is decided anew. */
const BODY_SHARE = 0.6;
const BODY_MOVES = 0.2;
/** Added to each interval, so that two in step do not stay so (Bluetooth Core 5.4, Vol 6, Part B, 4.4.2.2.1). */
const MOST_DELAY_MS = 10;

export interface AdvertisingScene {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly bodyLossDb: number;
  readonly receivers: readonly BleReceiver[];
}

/** A device that advertises for some time, wherever it is; sampled only while a sniffer can hear it. */
export class Advertiser {
  readonly #scene: AdvertisingScene;
  readonly #device: BleDevice;
  readonly #place: Place;
  readonly #untilMs: number;
  readonly #spellMs: number;
  /** Shadowing in dB for each receiver: a part that stays, a part that drifts. */
  readonly #slowDb: readonly number[];
  readonly #driftDb: number[];
  /** What each receiver has of it in this spell, dBm. */
  readonly #dbm: number[];
  #bodyDb = 0;
  #spellEndMs = 0;
  #heard = false;

  /** Advertises from `fromMs` until before `untilMs`. */
  constructor(scene: AdvertisingScene, device: BleDevice, place: Place, fromMs: number, untilMs: number) {
    this.#scene = scene;
    this.#device = device;
    this.#place = place;
    this.#untilMs = untilMs;
    this.#spellMs = place.carried ? CARRIED_SPELL_MS : FIXED_SPELL_MS;
    this.#slowDb = scene.receivers.map((receiver) => receiver.drawShadow());
    this.#driftDb = scene.receivers.map((receiver) => receiver.drawShadow());
    this.#dbm = scene.receivers.map(() => 0);
    this.#drawBody();
    this.#schedule(Math.max(fromMs, scene.agenda.now) + scene.random.uniform(0, device.intervalMs));
  }

  /** Nothing is kept in the agenda for a device that will have gone by then. */
  #schedule(at: number): void {
    if (at < this.#untilMs) this.#scene.agenda.at(at, this.#step);
  }

  readonly #step = (): void => {
    const { agenda, random, receivers } = this.#scene;
    const now = agenda.now;
    if (now >= this.#spellEndMs) this.#beginSpell(now);
    if (!this.#heard) {
      this.#schedule(this.#spellEndMs + random.uniform(0, this.#device.intervalMs));
      return;
    }
    const advertisement = this.#device.at(now);
    for (let i = 0; i < receivers.length; i++) receivers[i].receive(now, advertisement, this.#dbm[i]);
    this.#schedule(now + this.#device.intervalMs + random.uniform(0, MOST_DELAY_MS));
  };

  #beginSpell(now: number): void {
    const { random, receivers } = this.#scene;
    this.#spellEndMs = now + this.#spellMs;
    this.#place.moveTo(now);
    if (random.chance(BODY_MOVES)) this.#drawBody();
    const memory = Math.exp(-this.#spellMs / SHADOW_MEMORY_MS);
    const fresh = Math.sqrt(1 - memory * memory);
    this.#heard = false;
    for (let i = 0; i < receivers.length; i++) {
      const receiver = receivers[i];
      this.#driftDb[i] = memory * this.#driftDb[i] + fresh * receiver.drawShadow();
      const mean = receiver.meanDbm(this.#place, this.#device.oneMetreDbm);
      this.#dbm[i] = mean + this.#slowDb[i] + this.#driftDb[i] - this.#bodyDb;
      this.#heard ||= receiver.reaches(this.#dbm[i]);
    }
  }

  #drawBody(): void {
    const { random, bodyLossDb } = this.#scene;
    this.#bodyDb = this.#place.carried && random.chance(BODY_SHARE) ? bodyLossDb : 0;
  }
}
