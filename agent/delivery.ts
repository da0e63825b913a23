/** The uplink the settings ask for: made, replaced while the daemon runs, or none at all. */
import type { Settings } from './settings/settings.ts';
import type { UplinkState } from './uplink/port.ts';
import { createUplink, type Uplink, type UplinkDeps } from './uplink/uplink.ts';

export interface DeliveryParts extends UplinkDeps {
  epoch: string;
}

export class Delivery {
  readonly #parts: DeliveryParts;
  #epoch: string;
  #uplink: Uplink | null = null;
  /** What the uplink was made of, the password included. */
  #made = '';
  #used: { settings: Settings; password: string | undefined } | null = null;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#epoch = parts.epoch;
  }

  /**
   * Delivers as these settings say from now on. Where nothing has changed, a connection that stands is left alone, and one
   * that does not is tried at once: a certificate or the broker itself may have been mended.
   */
  async use(settings: Settings, password: string | undefined): Promise<void> {
    const { tenant, gateway, uplink } = settings;
    this.#used = { settings, password };
    const wanted = JSON.stringify([this.#epoch, tenant, gateway, uplink ?? null, password ?? null]);
    if (wanted === this.#made) return this.#uplink?.hurry();
    this.#made = wanted;
    await this.#uplink?.stop();
    this.#uplink = null;
    if (uplink === undefined) return;
    const { epoch: _first, ...deps } = this.#parts;
    const options = { ...uplink, tenant, gateway, epoch: this.#epoch, ...(password === undefined ? {} : { password }) };
    this.#uplink = createUplink(options, deps);
    this.#uplink.start();
  }

  /** Goes on with another epoch: a new connection, which tells it. */
  async renew(epoch: string): Promise<void> {
    this.#epoch = epoch;
    if (this.#used !== null) await this.use(this.#used.settings, this.#used.password);
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
    await this.#uplink?.stop();
  }
}
