import { drawAddress } from '../device.ts';
import { hciAdvertisingReport, hciCommandComplete } from '../encode/hci.ts';
import type { Advertisement, AdvertisingFormat, AirModule } from '../formats.ts';

const COMMAND_PACKET = 0x01;
const HEADER = 4;
const UNKNOWN_COMMAND = 0x01;
const RESET = 0x0c03;
const READ_ADDRESS = 0x1009;
const LE_SET_SCAN_ENABLE = 0x200c;

/** Octets that the commands return behind their status (Bluetooth Core 5.4, Vol 4, Part E, 7.3 to 7.8). */
const RETURNED: ReadonlyMap<number, readonly number[]> = new Map([
  [RESET, []],
  [0x0c01, []], // set event mask
  [0x0c14, new Array<number>(248).fill(0)], // read local name
  [0x0c23, [0, 0, 0]], // read class of device
  [0x0c6c, [1, 0]], // read LE host support
  [0x0c6d, []], // write LE host support
  [0x1001, [9, 0, 0, 9, 0xff, 0xff, 0, 0]], // read local version
  [0x1002, new Array<number>(64).fill(0)], // read local commands
  [READ_ADDRESS, []], // the address of its own is put in
  [0x1003, [0, 0, 0, 0, 0x60, 0, 0, 0]], // read local features
  [0x2001, []], // LE set event mask
  [0x2002, [0xfb, 0x00, 3]], // LE read buffer size
  [0x2003, new Array<number>(8).fill(0)], // LE read local features
  [0x200b, []], // LE set scan parameters
  [LE_SET_SCAN_ENABLE, []],
  [0x201c, new Array<number>(8).fill(0xff)], // LE read supported states
]);

/** A Bluetooth controller on an H4 line: it answers each command, and reports advertisements while it is told to scan. */
export class BleHciFormat implements AdvertisingFormat {
  readonly #address: Uint8Array;
  #scanning = false;
  /** A command that is not whole yet. */
  #received: number[] = [];

  constructor({ random, secrets }: AirModule) {
    this.#address = drawAddress(random, false);
    secrets.address(this.#address);
  }

  boot(): Uint8Array {
    this.#scanning = false;
    this.#received = [];
    return new Uint8Array();
  }

  advertisement(_ms: number, advertisement: Advertisement, rssi: number): Uint8Array {
    return this.#scanning ? hciAdvertisingReport({ advertisement, rssi }) : new Uint8Array();
  }

  receive(_ms: number, bytes: Uint8Array): Uint8Array {
    const received = [...this.#received, ...bytes];
    const answers: Uint8Array[] = [];
    for (;;) {
      while (received.length > 0 && received[0] !== COMMAND_PACKET) received.shift();
      if (received.length < HEADER || received.length < HEADER + received[3]) break;
      const command = received.splice(0, HEADER + received[3]);
      answers.push(this.#command(command[1] | (command[2] << 8), command.slice(HEADER)));
    }
    this.#received = received;
    return Buffer.concat(answers);
  }

  #command(opcode: number, parameters: readonly number[]): Uint8Array {
    const returned = RETURNED.get(opcode);
    if (returned === undefined) return hciCommandComplete(opcode, UNKNOWN_COMMAND);
    if (opcode === RESET) this.#scanning = false;
    if (opcode === LE_SET_SCAN_ENABLE) this.#scanning = parameters[0] === 1;
    return hciCommandComplete(opcode, 0, opcode === READ_ADDRESS ? [...this.#address.toReversed()] : returned);
  }
}
