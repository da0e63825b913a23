/**
 * The privacy boundary: the last place that sees an address. It turns a raw sighting into a row of keyed hashes in the
 * same tick in which the frame was decoded. Addresses stay in its tables only while their device is around.
 */
import type { KeyObject } from 'node:crypto';
import type { AdvertiserClass, RawAddress, RawAdvertisement, RawSighting } from '../raw.ts';
import { AdvertisementFlag, type InputBatch, SightingFlag } from '../readings.ts';
import { HashTable, type HashTableOptions } from './hash-table.ts';
import { HashDomain, KeyedHash } from './keyed-hash.ts';

/** Added to the upper half of a Bluetooth address, of which an address uses 16 bits: keys of their own in one table. */
const ADVERTISER_KEYS = 0x10000;

type DeviceDomain = typeof HashDomain.address | typeof HashDomain.advertiser;

const CLASS_FLAGS: Readonly<Record<AdvertiserClass, number>> = {
  phone: AdvertisementFlag.phone,
  fixture: AdvertisementFlag.fixture,
  other: 0,
};

/** Devices that must leave no row, such as an opt-out list. Asked once for each time a device comes around. */
export interface AddressFilter {
  matches(address: RawAddress): boolean;
}

export interface BoundaryOptions extends HashTableOptions {
  key: KeyObject;
  ignore?: AddressFilter;
}

export class Boundary {
  readonly #addresses: HashTable;
  readonly #fingerprints: HashTable;
  readonly #ignore: AddressFilter | null;
  #hash: KeyedHash;

  constructor(options: BoundaryOptions) {
    this.#hash = new KeyedHash(options.key);
    this.#ignore = options.ignore ?? null;
    this.#addresses = new HashTable(options);
    this.#fingerprints = new HashTable(options);
  }

  /**
   * Writes the hashes and the radio facts of a sighting into a row that has its kind, sensor and times already.
   * @param at UTC milliseconds of the gateway's timeline, for the age of table entries.
   * @returns false for a device to be ignored: the row is then untouched and must be taken back.
   */
  write(raw: RawSighting, batch: InputBatch, row: number, at: number): boolean {
    const now = secondsOf(at);
    const { address } = raw;
    if (!this.#writeDevice(HashDomain.address, address, batch, row, now)) return false;
    if (raw.fingerprintHigh !== 0 || raw.fingerprintLow !== 0) {
      this.#writeFingerprint(raw.fingerprintHigh, raw.fingerprintLow, batch, row, now);
    } else {
      batch.c[row] = 0;
      batch.d[row] = 0;
    }
    batch.flags[row] = address.local ? SightingFlag.random : 0;
    batch.sequence[row] = raw.sequence;
    batch.rssi[row] = raw.rssi;
    batch.channel[row] = raw.channel;
    return true;
  }

  /** The same for an advertisement; a Wi-Fi and a Bluetooth radio of one address never share a hash. */
  writeAdvertisement(raw: RawAdvertisement, batch: InputBatch, row: number, at: number): boolean {
    if (!this.#writeDevice(HashDomain.advertiser, raw.address, batch, row, secondsOf(at))) return false;
    batch.flags[row] = (raw.random ? AdvertisementFlag.random : 0) | CLASS_FLAGS[raw.advertiser];
    batch.rssi[row] = raw.rssi;
    batch.channel[row] = raw.channel;
    return true;
  }

  /** From here on hashes are made with this key; nothing of those before is kept. */
  replaceKey(key: KeyObject): void {
    this.#hash = new KeyedHash(key);
    this.forget();
  }

  /** Drops every address at once; also needed when the list of ignored devices changes. */
  forget(): void {
    this.#addresses.clear();
    this.#fingerprints.clear();
  }

  /** Drops addresses that were not heard for the longest gap; to be called about once a second. */
  sweep(at: number): void {
    const now = secondsOf(at);
    this.#addresses.sweep(now);
    this.#fingerprints.sweep(now);
  }

  /** Writes the hash of a device; false, and nothing written, for one to be ignored. */
  #writeDevice(domain: DeviceDomain, address: RawAddress, batch: InputBatch, row: number, now: number): boolean {
    const addresses = this.#addresses;
    // 48 bits as a 64-bit number: 16 in the upper half.
    const high = (address.high >>> 8) | (domain === HashDomain.advertiser ? ADVERTISER_KEYS : 0);
    const low = ((address.high << 24) | address.low) >>> 0;
    let slot = addresses.find(high, low, now);
    if (slot < 0) slot = this.#admit(domain, address, high, low, now);
    const a = addresses.hashHigh(slot);
    const b = addresses.hashLow(slot);
    if (a === 0 && b === 0) return false;
    batch.a[row] = a;
    batch.b[row] = b;
    return true;
  }

  /** An ignored device is kept as the hash 0/0, which no device has. */
  #admit(domain: DeviceDomain, address: RawAddress, high: number, low: number, now: number): number {
    if (this.#ignore?.matches(address)) return this.#addresses.insert(high, low, 0, 0, now);
    this.#hash.hash(domain, high & ~ADVERTISER_KEYS, low);
    return this.#addresses.insert(high, low, this.#hash.high, this.#hash.low, now);
  }

  #writeFingerprint(high: number, low: number, batch: InputBatch, row: number, now: number): void {
    let slot = this.#fingerprints.find(high, low, now);
    if (slot < 0) {
      this.#hash.hash(HashDomain.fingerprint, high, low);
      slot = this.#fingerprints.insert(high, low, this.#hash.high, this.#hash.low, now);
    }
    batch.c[row] = this.#fingerprints.hashHigh(slot);
    batch.d[row] = this.#fingerprints.hashLow(slot);
  }
}

/** Whole seconds as the tables take them: unsigned 32 bits, above 0, as 0 marks an empty slot. */
function secondsOf(at: number): number {
  return Math.max(1, Math.floor(at / 1000) >>> 0);
}
