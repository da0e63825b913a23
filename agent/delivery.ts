/** The uplink the settings ask for: made, replaced while the daemon runs, or none at all. */
import type { Settings } from './settings/settings.ts';
import type { UplinkState } from './uplink/port.ts';
import { createUplink, type Uplink, type UplinkDeps } from './uplink/uplink.ts';

export interface DeliveryParts extends UplinkDeps {
  epoch: string;
}

export class Delivery {
  readonly #deps: UplinkDeps;
  #epoch: string;
  #uplink: Uplink | null = null;
  /** What the uplink was made of, the password included. */
  #made = '';
  #wanted: { settings: Settings; password: string | undefined } | null = null;
  /** One change at a time: two at once would each make an uplink, and one of them would never be stopped. */
  #changing: Promise<void> = Promise.resolve();

  constructor({ epoch, ...deps }: DeliveryParts) {
    this.#deps = deps;
    this.#epoch = epoch;
  }

  /**
   * Delivers as these settings say from now on. Where nothing has changed, a connection that stands is left alone, and one
   * that does not is tried at once: a certificate or the broker itself may have been mended.
   */
  use(settings: Settings, password: string | undefined): Promise<void> {
    this.#wanted = { settings, password };
    return this.#change();
  }

  /** Goes on with another epoch: a new connection, which tells it. */
  renew(epoch: string): Promise<void> {
    this.#epoch = epoch;
    return this.#change();
  }

  /** A batch was sealed. */
  notify(sequence: number): void {
    this.#uplink?.notify(sequence);
  }

  /** What the state message tells is no longer so. */
  stateChanged(): void {
    this.#uplink?.stateChanged();
  }

  /** Null when nothing is to be sent. */
  state(): UplinkState | null {
    return this.#uplink?.state() ?? null;
  }

  async stop(): Promise<void> {
    await this.#changing;
    await this.#uplink?.stop();
  }

  #change(): Promise<void> {
    const changed = this.#changing.then(() => this.#replace());
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #replace(): Promise<void> {
    if (this.#wanted === null) return;
    const { settings, password } = this.#wanted;
    const { tenant, gateway, uplink } = settings;
    const epoch = this.#epoch;
    const wanted = JSON.stringify([epoch, tenant, gateway, uplink ?? null, password ?? null]);
    if (wanted === this.#made) return this.#uplink?.hurry();
    this.#made = wanted;
    await this.#uplink?.stop();
    this.#uplink = null;
    if (uplink === undefined) return;
    const options = { ...uplink, tenant, gateway, epoch, ...(password === undefined ? {} : { password }) };
    this.#uplink = createUplink(options, this.#deps);
    this.#uplink.start();
  }
}
