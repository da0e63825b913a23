/**
 * What sensors say, as literals: from data sheets, from captures of others, and frames whose sums were worked out by hand.
 * Nothing here was made by an encoder of this project, and nothing here may import one.
 */
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const repeated = (count: number, part: (index: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => part(index)));

/** How often a sniffer's sample is said. */
export const TIMES = 5;

/** ESP32 lines: an SSID with quotation marks that are not escaped, and an access point between. */
const PROBE =
  '{"ts":83412,"ch":6,"rssi":-71,"type":"Management","subtype":"ProbeReq","len":142,' +
  '"addr1":"FF:FF:FF:FF:FF:FF","addr2":"02:1B:C3:00:AF:FE","addr3":"FF:FF:FF:FF:FF:FF",' +
  '"flags":{"toDS":0,"fromDS":0,"retry":0},"ssid":"Jane "the net" Doe","vendor":"0050F2,00904C"}\r\n';
export const WIFI_JSON = {
  bytes: Buffer.from(
    `rst:0x1 (POWERON_RESET),boot:0x13\r\n${PROBE}${PROBE.replace('ProbeReq', 'Beacon')}${PROBE.replace('-71', '-60')}`,
  ),
  accepted: 3,
  sightings: 2,
};

/** nRF Sniffer, protocol 3: an iPhone's advertisement on channel 37 at -67 dBm, its escapes in place; only the counter runs on. */
export const NRF = repeated(TIMES, (index) =>
  hex(
    `ab 28 00 03 ${(index + 1).toString(16).padStart(2, '0')} 00 02 0a 01 25 43 00 00 d0 07 00 00 d6 be 89 8e 40 14 00
     34 12 cd bd cd ac cd ce 5b 02 01 1a 0a ff 4c 00 10 05 03 1c 83 90 96 00 00 00 bc`,
  ),
);

/** Sniffle: the same advertisement. */
export const SNIFFLE = Buffer.from('DBDQBwAAFgAAAL0lQBQ0EryrzVsCARoK/0wAEAUDHIOQlg==\r\n'.repeat(TIMES));

/** Our contract for ESP32 boards, a BleuIO, an OpenMQTTGateway between its log lines. */
export const BLE_JSON = {
  bytes: Buffer.from(
    `{"v":1,"t":"adv","ms":123456,"ch":37,"rssi":-67,"ty":0,"at":1,"a":"5bcdabbc1234","d":"02011a0aff4c001005031c839096"}
{"SF":1,"rssi":-60,"addr":"[1]5B:CD:AB:BC:12:34","type":0,"data":"02011A0AFF4C001005031C839096"}
N: Send on /BTtoMQTT msg
{"id":"45:F6:AB:BC:12:34","rssi":-55,"manufacturerdata":"4c001005031c839096"}
`,
  ),
  accepted: 4,
  advertisements: 3,
};

/** H4: an LE advertising report of the same advertisement (Bluetooth Core 5.4, Vol 4, Part E, 7.7.65.2). */
export const HCI_UART = repeated(TIMES, () =>
  hex('04 3e 1a 02 01 00 01 34 12 bc ab cd 5b 0e 02 01 1a 0a ff 4c 00 10 05 03 1c 83 90 96 bd'),
);

/** HPC168: the query of unit 1, 70,000 in and 65,535 out, and later 3 more in and 2 more out. */
const STX = '\x02';
const ETX = '\x03';
export const HPC168 = {
  question: Buffer.from(`${STX}0001130014${ETX}`),
  first: Buffer.from(`${STX}00019310000111700000FFFF000000000000000024${ETX}`),
  later: Buffer.from(`${STX}00019310000111730001000100000000000000002B${ETX}`),
};

/** Turnstile: the status poll of unit 1; 70,000 to the left and 16,777,215 to the right, then 4 and 2 more: it rolls over. */
export const TURNSTILE = {
  question: hex('7E 00 01 10 00 00 00 70'),
  first: hex('7F 01 01 00 00 00 01 11 70 FF FF FF 00 00 18 00 00 E7'),
  later: hex('7F 01 01 00 00 00 01 11 74 00 00 01 00 00 18 00 00 DF'),
};

/** TeraRanger: the frame of the manual's layout (10 in, 7 out), distances, and 12 in, 8 out. */
export const TERARANGER = {
  first: hex('50 43 00000001 00000003 000A 0007 98'),
  distances: hex('44 44 0866 0864 0E'),
  later: hex('50 43 00000001 00000004 000C 0008 E1'),
};

/** Lines of counters: the JSON contract in its first boot and after a lost line. */
export const DOOR_LINES = {
  first: Buffer.from('{"v":1,"t":"cnt","boot":"0badcafe","seq":1,"in":456,"out":440,"ms":987654}\n'),
  later: Buffer.from('{"v":1,"t":"cnt","boot":"0badcafe","seq":3,"in":461,"out":443,"ms":990654}\n'),
};

/**
 * HLK-LD2450: the vendor's frame, then someone who walks at 2 m/s from 2.6 m in front of the radar to 0.4 m, over the line
 * at 1.5 m; x, speed and resolution are those of the vendor's.
 */
const radar = (y: string): Buffer => hex(`AA FF 03 00 0E 03 ${y} 10 00 40 01 ${'00'.repeat(16)} 55 CC`);
const Y = ['28 8A', '60 89', '98 88', 'D0 87', '08 87', '40 86', '78 85', 'B0 84', 'E8 83', '20 83', '58 82', '90 81'];
export const RADAR = {
  vendor: radar('B1 86'),
  nobody: hex(`AA FF 03 00 ${'00'.repeat(24)} 55 CC`),
  walk: Y.map(radar),
};
