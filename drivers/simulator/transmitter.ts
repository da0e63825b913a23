import { AirFrame } from './air-frame.ts';
import type { Device } from './device.ts';
import type { Place } from './place.ts';
import type { Rhythm } from './rhythm.ts';
import type { Scene } from './scene.ts';

/** Frames of a burst are this far apart, so that twelve of them fit in two seconds. */
const LEAST_SPACING_MS = 5;
const MOST_SPACING_MS = 170;
/** Channel that sniffers sit on by default, and the share of frames that name it as their own. */
const HOME_CHANNEL = 6;
const HOME_SHARE = 0.3;
/** Share of bursts with a body between a carried device and the sniffers. */
const BODY_SHARE = 0.6;

/** A device that is switched on, somewhere, for some time: sends bursts by its rhythm to every receiver. */
export class Transmitter {
  readonly #scene: Scene;
  readonly #device: Device;
  readonly #rhythm: Rhythm;
  readonly #place: Place;
  readonly #untilMs: number;
  /** Shadowing in dB for each receiver: a part that stays and a part drawn with each burst. */
  readonly #slowDb: number[];
  #burstDb: number[] = [];
  #left = 0;

  /** Sends from `fromMs` (met at a random moment of its rhythm) until before `untilMs`. */
  constructor(scene: Scene, device: Device, rhythm: Rhythm, place: Place, fromMs: number, untilMs: number) {
    this.#scene = scene;
    this.#device = device;
    this.#rhythm = rhythm;
    this.#place = place;
    this.#untilMs = untilMs;
    this.#slowDb = scene.receivers.map((receiver) => receiver.drawShadow());
    this.#schedule(Math.max(fromMs, scene.agenda.now) + rhythm.first(scene.probing), this.#burst);
  }

  /** Nothing is kept in the agenda for a device that will have gone by then. */
  #schedule(at: number, task: () => void): void {
    if (at < this.#untilMs) this.#scene.agenda.at(at, task);
  }

  readonly #burst = (): void => {
    const random = this.#scene.probing;
    this.#device.beginBurst(random);
    this.#left = this.#rhythm.frames(random);
    const bodyDb = this.#place.carried && random.chance(BODY_SHARE) ? this.#scene.parameters.bodyLossDb : 0;
    this.#burstDb = this.#scene.receivers.map(
      (receiver, index) => this.#slowDb[index] + receiver.drawShadow() - bodyDb,
    );
    this.#frame();
  };

  readonly #frame = (): void => {
    const { agenda, probing, receivers } = this.#scene;
    this.#place.moveTo(agenda.now);
    const frame = new AirFrame({
      address: this.#device.address,
      sequence: this.#device.nextSequence(),
      model: this.#device.model,
      ssid: this.#device.nextSsid(probing),
      dsChannel: probing.chance(HOME_SHARE) ? HOME_CHANNEL : probing.integer(1, 13),
      variation: probing.next(),
    });
    for (let i = 0; i < receivers.length; i++) receivers[i].receive(agenda.now, frame, this.#place, this.#burstDb[i]);
    if (--this.#left > 0) {
      this.#schedule(agenda.now + probing.uniform(LEAST_SPACING_MS, MOST_SPACING_MS), this.#frame);
    } else {
      this.#schedule(agenda.now + this.#rhythm.gap(probing), this.#burst);
    }
  };
}
