/** The uplink the settings ask for: made, replaced while the daemon runs, or none at all. */
import type { Settings } from './settings/settings.ts';
import type { UplinkState } from './uplink/port.ts';
import { createUplink, type Uplink, type UplinkDeps } from './uplink/uplink.ts';

export interface DeliveryParts extends UplinkDeps {
  epoch: string;
}

export class Delivery {
  readonly #parts: DeliveryParts;
  #uplink: Uplink | null = null;
  /** What the uplink was made of, the password included. */
  #made = '';

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /**
   * Delivers as these settings say from now on. Where nothing has changed, a connection that stands is left alone, and one
   * that does not is tried at once: a certificate or the broker itself may have been mended.
   */
  async use(settings: Settings, password: string | undefined): Promise<void> {
    const { tenant, gateway, uplink } = settings;
    const wanted = JSON.stringify([tenant, gateway, uplink ?? null, password ?? null]);
    if (wanted === this.#made) return this.#uplink?.hurry();
    this.#made = wanted;
    await this.#uplink?.stop();
    this.#uplink = null;
    if (uplink === undefined) return;
    const { epoch, ...deps } = this.#parts;
    const options = { ...uplink, tenant, gateway, epoch, ...(password === undefined ? {} : { password }) };
    this.#uplink = createUplink(options, deps);
    this.#uplink.start();
  }

  /** A batch was sealed. */
  notify(sequence: number): void {
    this.#uplink?.notify(sequence);
  }

  /** Null when nothing is to be sent. */
  state(): UplinkState | null {
    return this.#uplink?.state() ?? null;
  }

  async stop(): Promise<void> {
    await this.#uplink?.stop();
  }
}
