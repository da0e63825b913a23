/** A sensor of the settings file, key by key. Which driver reads which key, and needs it, is in sensor-checks.ts. */
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { absolutePath, listOf, map, name, oneOf, oneOfNumbers, whole } from './schema-parts.ts';
import { DRIVER_FACTS, DRIVER_NAMES, type NeededKey, SENSOR_DEFAULTS } from './sensor-drivers.ts';

/** What is said to be expected of a key that is missing or wrong. */
export const EXPECTED = {
  port: 'the absolute path of a serial port such as /dev/serial/by-id/usb-...',
  adapter: 'an adapter such as hci0, or a network interface such as wlan1',
  zone: 'the id of the zone it listens to, such as shop',
  profile: 'a Modbus profile such as wb-mcm8, or the absolute path of one of your own',
  contact: 'one of cts, dsr, dcd',
} as const satisfies Record<NeededKey, string>;

const SPEEDS = [...new Set(DRIVER_NAMES.map((driver) => DRIVER_FACTS[driver].baud).filter((baud) => baud > 0))];
const SPEED_LIST = SPEEDS.toSorted((a, b) => a - b)
  .map((speed) => `${speed} (${DRIVER_NAMES.filter((driver) => DRIVER_FACTS[driver].baud === speed).join(', ')})`)
  .join(', ');

function text(error: string, pattern: RegExp) {
  return z.string({ error }).regex(pattern, { error });
}

function usually<Type extends z.ZodType>(type: Type, key: keyof typeof SENSOR_DEFAULTS) {
  return type.optional().meta({ default: SENSOR_DEFAULTS[key] });
}

function channel(what: string) {
  return whole(1, 1024).optional().describe(`door-modbus: channel, from 1, that counts ${what}.`);
}

export const sensorSchema = map('A sensor. Replace the hardware, keep the id.', {
  id: name('an id').describe('Stays the same for the life of the gateway.'),
  driver: z
    .enum(DRIVER_NAMES, {
      error: ({ input }) => {
        const meant = nearest(String(input), DRIVER_NAMES);
        return meant ? `a driver (did you mean ${meant}?)` : `one of ${DRIVER_NAMES.join(', ')}`;
      },
    })
    .describe(
      'wifi-lines: text lines (TZ001 class). wifi-json: JSON lines of an ESP32. wifi-pcap: pcap in a serial stream (SerialPcap, Marauder). wifi-monitor: an adapter in monitor mode. ble-hci: a Bluetooth adapter. ble-nrf: Nordic nRF Sniffer. ble-sniffle: Sniffle. ble-json: JSON lines (BleuIO, OpenMQTTGateway, ESP32). door-modbus: Modbus counter module. door-hpc168: HPC168 counter. door-teraranger: TeraRanger Evo. door-lines: a counter or till that sends lines. door-turnstile: RS-485 turnstile. door-contact: a closure on a modem line. door-radar: HLK-LD2450.',
    ),
  port: absolutePath('a serial port such as /dev/serial/by-id/usb-...')
    .optional()
    .describe(
      'Serial port. One of /dev/serial/by-id is found in whatever order ports appear. Sensors of one bus (door-modbus, door-hpc168, door-turnstile) may share it.',
    ),
  adapter: usually(text(EXPECTED.adapter, /^[\w.-]{1,15}$/), 'adapter').describe(
    'ble-hci: hci0 or another adapter of this box, auto for the first, or in its place the port of a UART controller. wifi-monitor: the network interface, such as wlan1.',
  ),
  baud: whole(300, 4_000_000)
    .optional()
    .describe(`Bits per second. Default: that of the Modbus profile, else by driver: ${SPEED_LIST}.`),
  parity: oneOf(['none', 'even', 'odd'])
    .optional()
    .describe('Of a bus: none, even or odd. Default: that of the Modbus profile, else none.'),
  stop_bits: oneOfNumbers([1, 2]).optional().describe('Of a bus: 1 or 2. Default: that of the Modbus profile, else 1.'),
  unit: usually(z.int({ error: 'a whole number, its address on the bus' }), 'unit').describe(
    'Address on the bus: door-modbus 1 to 247, door-hpc168 1 to 65535, door-turnstile 1 to 255.',
  ),
  poll_ms: usually(whole(100, 60_000, 'milliseconds'), 'poll_ms').describe('Milliseconds from poll to poll, of a bus.'),
  profile: text(EXPECTED.profile, /^(?:[a-z0-9][a-z0-9_-]{0,63}|\/[^\0]{1,4094})$/)
    .optional()
    .describe(
      'door-modbus: where the counters of the module are: a name of config/modbus, or the absolute path of a profile of your own.',
    ),
  in_channel: channel('people coming in'),
  out_channel: channel('people going out'),
  total_channel: channel('both, in place of the other two: a beam that knows no direction'),
  role: oneOf(['door', 'transactions'])
    .optional()
    .describe('transactions: a till, which has no door; door-lines and door-contact only. Default: door.'),
  zone: name('a zone id').optional().describe('The zone it listens to; Wi-Fi and Bluetooth only.'),
  gate_dbm: usually(whole(-127, 0, 'dBm'), 'gate_dbm').describe(
    'RSSI above which a phone counts as inside, dBm; Wi-Fi and Bluetooth only. Find it by standing in the doorway.',
  ),
  link_type: oneOfNumbers([105, 127, 192])
    .optional()
    .describe('wifi-pcap only: how to read a stream joined after its header was sent: 105, 127 (radiotap), 192 (PPI).'),
  door: name('a door id').optional().describe('The door it counts; door counters only.'),
  swap: usually(z.boolean({ error: 'true or false' }), 'swap').describe(
    'true when the counter was mounted the other way round; door counters only.',
  ),
  advertising_channel: usually(oneOfNumbers([37, 38, 39]), 'advertising_channel').describe(
    'ble-sniffle only: the one advertising channel it stays on.',
  ),
  channels: usually(listOf(whole(1, 196), 'Wi-Fi channels', 0, 40), 'channels').describe(
    'wifi-monitor only: Wi-Fi channels listened to in turn; [] leaves the adapter on its own.',
  ),
  channel_seconds: usually(whole(1, 60, 'seconds'), 'channel_seconds').describe(
    'wifi-monitor only: seconds on each channel.',
  ),
  contact: oneOf(['cts', 'dsr', 'dcd']).optional().describe('door-contact only: the modem line that is closed.'),
  counts: usually(oneOf(['in', 'out', 'both']), 'counts').describe(
    'door-contact only: what a closure counts. both: a beam that everyone breaks, each second closure one going out.',
  ),
  debounce_ms: usually(whole(10, 2000, 'milliseconds'), 'debounce_ms').describe(
    'door-contact only: milliseconds a closure must last.',
  ),
  line_mm: usually(whole(200, 6000, 'millimetres'), 'line_mm').describe(
    'door-radar only: millimetres from the radar to the line that is crossed.',
  ),
  hysteresis_mm: usually(whole(50, 1000, 'millimetres'), 'hysteresis_mm').describe(
    'door-radar only: millimetres beyond the line that count as crossed; less than line_mm.',
  ),
  silent_minutes: usually(whole(1, 1440, 'minutes'), 'silent_minutes').describe(
    'Minutes without a valid frame, while its line is open, after which the sensor is reported as silent.',
  ),
});

/** A sensor as written. */
export type SensorFile = z.output<typeof sensorSchema>;
