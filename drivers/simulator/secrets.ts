import { AgentError } from '../../agent/errors.ts';
import type { SecretSink } from './device.ts';

/** Remembers, if asked to, what must never leak. */
export class SecretStore implements SecretSink {
  readonly #keep: boolean;
  readonly #addresses: Uint8Array[] = [];
  readonly #ssids = new Set<string>();

  constructor(keep: boolean) {
    this.#keep = keep;
  }

  address(address: Uint8Array): void {
    if (this.#keep) this.#addresses.push(address);
  }

  ssid(ssid: string): void {
    if (this.#keep) this.#ssids.add(ssid);
  }

  all(): { addresses: Uint8Array[]; ssids: string[] } {
    if (!this.#keep) {
      const message = 'The simulated store was told to keep no addresses';
      throw new AgentError('simulator_secrets', message, 'Set keepSecrets in its options.');
    }
    return { addresses: [...this.#addresses], ssids: [...this.#ssids] };
  }
}
