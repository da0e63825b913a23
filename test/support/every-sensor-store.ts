/** A simulated store with two sensors of every driver, and a count of what its modules sent that no decoder had a part in. */
import { type Emit, type SimulatedSensor, SimulatedStore, type StoreOptions } from '../../drivers/simulator/store.ts';

/** Two of each driver; those with a unit share a bus of their driver. */
export const EVERY_SENSOR: readonly SimulatedSensor[] = [
  { id: 'lines-6', driver: 'wifi-lines' },
  { id: 'lines-10', driver: 'wifi-lines', fields: 10, channel: 11 },
  { id: 'json-1', driver: 'wifi-json' },
  { id: 'json-2', driver: 'wifi-json', channel: 1 },
  { id: 'pcap-serial', driver: 'wifi-pcap' },
  { id: 'pcap-marauder', driver: 'wifi-pcap', variant: 'marauder-ppi' },
  { id: 'monitor-1', driver: 'wifi-monitor' },
  { id: 'monitor-2', driver: 'wifi-monitor', channel: 1 },
  { id: 'hci-1', driver: 'ble-hci' },
  { id: 'hci-2', driver: 'ble-hci' },
  { id: 'nrf-v3', driver: 'ble-nrf' },
  { id: 'nrf-v1', driver: 'ble-nrf', variant: 'v1' },
  { id: 'sniffle-37', driver: 'ble-sniffle' },
  { id: 'sniffle-39', driver: 'ble-sniffle', channel: 39 },
  { id: 'ble-contract', driver: 'ble-json' },
  { id: 'ble-bleuio', driver: 'ble-json', variant: 'bleuio' },
  { id: 'modbus-wb', driver: 'door-modbus', unit: 1 },
  { id: 'modbus-moxa', driver: 'door-modbus', unit: 2, variant: 'moxa' },
  { id: 'camera-1', driver: 'door-hpc168', unit: 1 },
  { id: 'camera-2', driver: 'door-hpc168', unit: 2 },
  { id: 'tof-15', driver: 'door-teraranger' },
  { id: 'tof-11', driver: 'door-teraranger', variant: '11' },
  { id: 'counter-json', driver: 'door-lines', checksum: true },
  { id: 'counter-events', driver: 'door-lines', variant: 'events' },
  { id: 'gate-1', driver: 'door-turnstile', unit: 1 },
  { id: 'gate-2', driver: 'door-turnstile', unit: 2 },
  { id: 'relay-in', driver: 'door-contact' },
  { id: 'relay-both', driver: 'door-contact', variant: 'both' },
  { id: 'radar-1', driver: 'door-radar' },
  { id: 'radar-2', driver: 'door-radar' },
];

/** A fault on one sensor's line. */
export interface PlantedFault {
  sensorId: string;
  /** The first chunk at or after this time is hit. */
  fromMs: number;
  kind: 'byte_dropped' | 'frame_lost' | 'frame_repeated';
  /** Whether a chunk is one that can be hit; any unless given. */
  hits?: (chunk: Uint8Array) => boolean;
}

/** Counts the frames that its sensors send, then breaks what is to be broken. */
export class CountingStore extends SimulatedStore {
  readonly #drivers: ReadonlyMap<string, string>;
  readonly #faults: PlantedFault[];
  /** Frames or lines on the wire by sensor, boot text and console words of a module not among them. */
  readonly sent = new Map<string, number>();
  /** What the first count frame of a TeraRanger says: without any before it, it is only the base line. */
  readonly base = new Map<string, { in: number; out: number }>();

  constructor(options: StoreOptions, faults: readonly PlantedFault[] = []) {
    super(options);
    this.#drivers = new Map(options.sensors.map(({ id, driver }) => [id, driver]));
    this.#faults = [...faults];
  }

  override advance(untilMs: number, emit: Emit): void {
    super.advance(untilMs, (id, ms, bytes) => {
      const before = this.sent.get(id);
      const driver = this.#drivers.get(id) ?? '';
      // What they send at power-on is text, or the header of a capture.
      const boots = before === undefined && BOOTS_WITHOUT_FRAME.has(driver);
      this.sent.set(id, (before ?? 0) + (boots ? 0 : framesIn(driver, bytes)));
      if (driver === 'door-teraranger') this.#noteBase(id, Buffer.from(bytes));
      for (const chunk of this.#broken(id, ms, bytes)) emit(id, ms, chunk);
    });
  }

  #noteBase(id: string, bytes: Buffer): void {
    if (this.base.has(id) || bytes.toString('latin1', 0, 2) !== 'PC') return;
    const at = bytes.length - 5;
    this.base.set(id, { in: bytes.readUInt16BE(at), out: bytes.readUInt16BE(at + 2) });
  }

  #broken(id: string, ms: number, bytes: Uint8Array): Uint8Array[] {
    const at = this.#faults.findIndex(
      ({ sensorId, fromMs, hits }) => sensorId === id && ms >= fromMs && hits?.(bytes) !== false,
    );
    if (at < 0) return [bytes];
    const [{ kind }] = this.#faults.splice(at, 1);
    if (kind === 'frame_lost') return [];
    if (kind === 'frame_repeated') return [bytes, bytes];
    const middle = bytes.length >> 1;
    return [bytes.subarray(0, middle), bytes.subarray(middle + 1)];
  }
}

const BOOTS_WITHOUT_FRAME: ReadonlySet<string> = new Set(['wifi-pcap', 'wifi-monitor']);
const LF = 0x0a;
const NRF_START = 0xab;
const HCI_HEADER = 3;

/** Told by delimiters and lengths alone. A module sends whole frames at a time. */
function framesIn(driver: string, bytes: Uint8Array): number {
  switch (driver) {
    case 'wifi-lines':
      return linesIn(bytes, (line) => line.includes('|'));
    case 'wifi-json':
      return linesIn(bytes, (line) => line.startsWith('{'));
    case 'ble-json':
      // An AT dongle repeats what it was told and answers it, in JSON only once it was told to.
      return linesIn(bytes, (line) => /^(\{|AT|OK|ERROR)/.test(line));
    case 'door-lines':
      return linesIn(bytes, (line) => /^[{+-]/.test(line));
    case 'ble-sniffle':
      return linesIn(bytes, () => true);
    case 'ble-nrf':
      // It is escaped wherever else it comes.
      return bytes.filter((byte) => byte === NRF_START).length;
    case 'ble-hci': {
      let events = 0;
      for (let at = 0; at < bytes.length; at += HCI_HEADER + bytes[at + 2]) events++;
      return events;
    }
    default:
      return 1;
  }
}

function linesIn(bytes: Uint8Array, counts: (line: string) => boolean): number {
  if (!bytes.includes(LF)) return 0;
  return Buffer.from(bytes)
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '' && counts(line)).length;
}
