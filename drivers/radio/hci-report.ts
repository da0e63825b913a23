/**
 * What noble tells of an advertisement, as the HCI event it came from: an LE Advertising Report in an H4 packet
 * (Bluetooth Core 5.4, Vol 4, Part E, 7.7.65.2 and Part A, 2). noble merges what one device sent in several packets, so
 * the payload is rebuilt from AD structures (Core Specification Supplement, Part A) and cut to the 31 octets of one.
 */

/** What is read of noble's Peripheral. */
export interface NobleAdvertisement {
  /** Six octets in hexadecimal, with colons. */
  address: string;
  addressType: string;
  connectable?: boolean;
  scannable?: boolean;
  /** dBm; 127 where the adapter could not tell. */
  rssi: number;
  advertisement: {
    localName?: string | undefined;
    txPowerLevel?: number | undefined;
    /** Company identifier, little-endian, and what follows. */
    manufacturerData?: Uint8Array | undefined;
    serviceData?: readonly { uuid: string; data: Uint8Array }[] | undefined;
    /** Hexadecimal, most significant octet first; those of 16 and 32 bits without leading zeros. */
    serviceUuids?: readonly string[] | undefined;
  };
}

const H4_EVENT = 0x04;
const LE_META_EVENT = 0x3e;
const ADVERTISING_REPORT = 0x02;
const RSSI_UNKNOWN = 127;
/** Event types of a report. */
const ADV_IND = 0x00;
const ADV_SCAN_IND = 0x02;
const ADV_NONCONN_IND = 0x03;

const PAYLOAD_LENGTH = 31;
/** Length and type in front of the data of an AD structure. */
const AD_HEADER = 2;
/** AD types (Assigned Numbers, 2.3); of lists the incomplete ones, as one that was cut is. */
const AD_UUIDS_16 = 0x02;
const AD_UUIDS_32 = 0x04;
const AD_UUIDS_128 = 0x06;
const AD_SHORT_NAME = 0x08;
const AD_TX_POWER = 0x0a;
const AD_SERVICE_DATA_16 = 0x16;
const AD_SERVICE_DATA_32 = 0x20;
const AD_SERVICE_DATA_128 = 0x21;
const AD_MANUFACTURER = 0xff;
const LIST_TYPE = new Map([
  [2, AD_UUIDS_16],
  [4, AD_UUIDS_32],
  [16, AD_UUIDS_128],
]);
const DATA_TYPE = new Map([
  [2, AD_SERVICE_DATA_16],
  [4, AD_SERVICE_DATA_32],
  [16, AD_SERVICE_DATA_128],
]);

/** The packet, or null where noble told what no adapter can have heard. */
export function hciReport({ address, addressType, connectable, scannable, rssi, advertisement }: NobleAdvertisement) {
  const digits = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(address) ? address.replaceAll(':', '') : '';
  if (digits === '') return null;
  const payload = payloadOf(advertisement);
  const packet = Buffer.alloc(3 + 12 + payload.length);
  packet.set([H4_EVENT, LE_META_EVENT, 12 + payload.length, ADVERTISING_REPORT, 1]);
  packet[5] = connectable ? ADV_IND : scannable ? ADV_SCAN_IND : ADV_NONCONN_IND;
  packet[6] = addressType === 'random' ? 1 : 0;
  packet.set(Buffer.from(digits, 'hex').reverse(), 7);
  packet[13] = payload.length;
  packet.set(payload, 14);
  packet.writeInt8(isRssi(rssi) ? rssi : RSSI_UNKNOWN, 14 + payload.length);
  return packet;
}

function isRssi(rssi: number): boolean {
  return Number.isInteger(rssi) && rssi >= -127 && rssi <= 20;
}

/** AD structures in the order in which they tell what a device is, as far as there is room. */
function payloadOf(told: NobleAdvertisement['advertisement']): Buffer {
  const payload = new Payload();
  const uuids = (told.serviceUuids ?? []).map(octetsOf).filter((uuid) => uuid !== null);
  const data = (told.serviceData ?? []).map(({ uuid, data }) => ({ uuid: octetsOf(uuid), data }));
  const manufacturer = told.manufacturerData;
  if (manufacturer !== undefined && manufacturer.length >= 2) {
    // An advertisement and its scan response together can be longer than one: what names a service takes four octets.
    const kept = data.length > 0 || uuids.some((uuid) => uuid.length === 2) ? 4 : 0;
    payload.put(AD_MANUFACTURER, manufacturer, { least: 2, leave: kept });
  }
  for (const { uuid, data: bytes } of data) {
    if (uuid !== null)
      payload.put(DATA_TYPE.get(uuid.length) ?? 0, Buffer.concat([uuid, bytes]), { least: uuid.length });
  }
  for (const [length, type] of LIST_TYPE) {
    const list = Buffer.concat(uuids.filter((uuid) => uuid.length === length));
    if (list.length > 0) payload.put(type, list, { least: length, step: length });
  }
  const { txPowerLevel, localName } = told;
  if (txPowerLevel !== undefined && txPowerLevel >= -128 && txPowerLevel <= 127) {
    payload.put(AD_TX_POWER, Buffer.of(txPowerLevel), { least: 1 });
  }
  if (localName !== undefined && localName !== '') payload.put(AD_SHORT_NAME, Buffer.from(localName), { least: 1 });
  return payload.bytes();
}

/** A UUID as it is sent, least significant octet first; null for what is none. */
function octetsOf(uuid: string): Buffer | null {
  const digits = uuid.replaceAll('-', '');
  if (!/^[0-9a-f]{1,32}$/i.test(digits)) return null;
  const length = digits.length <= 4 ? 4 : digits.length <= 8 ? 8 : 32;
  return Buffer.from(digits.padStart(length, '0'), 'hex').reverse();
}

class Payload {
  readonly #bytes = Buffer.alloc(PAYLOAD_LENGTH);
  #length = 0;

  /**
   * @param least octets of data without which the structure tells nothing.
   * @param step octets that go together.
   * @param leave octets that others need.
   */
  put(
    type: number,
    data: Uint8Array,
    { least, step = 1, leave = 0 }: { least: number; step?: number; leave?: number },
  ) {
    const room = PAYLOAD_LENGTH - this.#length - AD_HEADER - leave;
    const taken = Math.min(data.length, room - (room % step));
    if (taken < least) return;
    this.#bytes.set([taken + 1, type], this.#length);
    this.#bytes.set(data.subarray(0, taken), this.#length + AD_HEADER);
    this.#length += AD_HEADER + taken;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
