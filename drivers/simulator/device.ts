import { MODELS, PHONE_MODEL_WEIGHTS, PHONE_MODELS } from './encode/models.ts';
import type { Random } from './random.ts';

/** How a device chooses its address: 85 % a random one per burst, 10 % one random per network, 5 % its global one. */
export type AddressKind = 'burst' | 'network' | 'global';

/** Shares of AddressKind among phones, in its order. */
const KINDS: readonly AddressKind[] = ['burst', 'network', 'global'];
const KIND_WEIGHTS = [85, 10, 5];

/** Share of frames that ask for a network by name, among devices that remember one. */
const DIRECTED_SHARE = 0.2;

/** Collects every address and SSID ever used, for tests that look for leaks. */
export interface SecretSink {
  address(address: Uint8Array): void;
  ssid(ssid: string): void;
}

/** Who a transmitter is: its address as it changes, its model and the networks it remembers. */
export class Device {
  readonly kind: AddressKind;
  readonly model: number;
  /** The address in use; replaced, never written into, when it changes. */
  address: Uint8Array;
  readonly #ssids: readonly string[];
  readonly #secrets: SecretSink;
  #sequence: number;

  constructor(kind: AddressKind, model: number, ssids: readonly string[], secrets: SecretSink, random: Random) {
    this.kind = kind;
    this.model = model;
    this.#ssids = ssids;
    this.#secrets = secrets;
    for (const ssid of ssids) secrets.ssid(ssid);
    this.address = this.#draw(random);
    this.#sequence = random.integer(0, 4095);
  }

  /** A new burst begins: a device that randomises per burst takes a new address and a new sequence number. */
  beginBurst(random: Random): void {
    if (this.kind !== 'burst') return;
    this.address = this.#draw(random);
    this.#sequence = random.integer(0, 4095);
  }

  /** Sequence number of the next frame. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) & 0xfff;
    return this.#sequence;
  }

  /** The network the next frame asks for, empty for any. */
  nextSsid(random: Random): string {
    return this.#ssids.length > 0 && random.chance(DIRECTED_SHARE) ? random.choice(this.#ssids) : '';
  }

  #draw(random: Random): Uint8Array {
    const address = drawAddress(random, this.kind !== 'global');
    this.#secrets.address(address);
    return address;
  }
}

/** A phone: its model by Zipf shares, remembering up to three networks. */
export function drawPhone(random: Random, secrets: SecretSink): Device {
  const kind = KINDS[random.weighted(KIND_WEIGHTS)];
  const model = random.weighted(PHONE_MODEL_WEIGHTS);
  const ssids = Array.from({ length: random.weighted([70, 15, 10, 5]) }, () => drawSsid(random));
  return new Device(kind, model, ssids, secrets, random);
}

/** Something installed, which keeps its global address. */
export function drawThing(random: Random, secrets: SecretSink): Device {
  const ssids = random.chance(0.5) ? [drawSsid(random)] : [];
  return new Device('global', random.integer(PHONE_MODELS, MODELS - 1), ssids, secrets, random);
}

/** An individual (never group) address, locally administered or global (IEEE 802-2014, 8.4). */
export function drawAddress(random: Random, local: boolean): Uint8Array {
  const address = new Uint8Array(6);
  for (let i = 0; i < 6; i++) address[i] = random.integer(0, 255);
  address[0] = (address[0] & 0xfc) | (local ? 0x02 : 0x00);
  return address;
}

function drawSsid(random: Random): string {
  const name = random.choice([
    'TP-LINK_',
    'ChinaNet-',
    'FRITZ!Box ',
    'Galaxy S',
    'CMCC-',
    '小米共享WiFi_',
    '茶馆-',
    "Ana's iPhone ",
  ]);
  return `${name}${random.next().toString(36)}`;
}
