import { bleuioLine, contractLine, gatewayLine } from '../encode/ble-json.ts';
import { encodeEspBootText } from '../encode/serial-pcap.ts';
import type { Advertisement, AdvertisingFormat, AirModule } from '../formats.ts';
import type { Random } from '../random.ts';

const CR = 0x0d;
const BREAK = 0x03;
const LONGEST_COMMAND = 64;

/**
 * A sniffer that sends JSON lines. Variants: `contract`, an ESP32 that speaks our contract, the default; `bleuio`, a
 * dongle that must be told to scan; `openmqttgateway`, with log lines between.
 */
export class BleJsonFormat implements AdvertisingFormat {
  readonly #variant: string;
  readonly #random: Random;
  #bootMs = 0;
  /** BleuIO only. */
  #command = '';
  #commands = 0;
  #verbose = false;
  #central = false;
  #scan = 0;

  constructor({ sensor, random }: AirModule) {
    this.#variant = sensor.variant ?? 'contract';
    this.#random = random;
  }

  boot(ms: number): Uint8Array {
    this.#bootMs = ms - 400;
    this.#command = '';
    this.#commands = 0;
    this.#verbose = false;
    this.#central = false;
    this.#scan = 0;
    return this.#variant === 'bleuio' ? new Uint8Array() : encodeEspBootText();
  }

  advertisement(ms: number, advertisement: Advertisement, rssi: number, channel: number): Uint8Array {
    if (this.#variant === 'bleuio') {
      return this.#scan === 0 ? new Uint8Array() : bleuioLine(advertisement, this.#scan, rssi);
    }
    if (this.#variant === 'openmqttgateway') {
      const line = gatewayLine(advertisement, rssi);
      return this.#random.chance(0.2) ? Buffer.concat([text('N: Scan begin'), line]) : line;
    }
    return contractLine(advertisement, ms - this.#bootMs, rssi, channel);
  }

  receive(_ms: number, bytes: Uint8Array): Uint8Array {
    if (this.#variant !== 'bleuio') return new Uint8Array();
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === BREAK) {
        if (this.#scan > 0) answers.push(text(`{"SE":${this.#scan},"action":"scan completed"}`));
        this.#scan = 0;
      } else if (byte === CR) {
        if (this.#command !== '') answers.push(this.#answer(this.#command));
        this.#command = '';
      } else {
        this.#command = (this.#command + String.fromCharCode(byte)).slice(-LONGEST_COMMAND);
      }
    }
    return Buffer.concat(answers);
  }

  #answer(command: string): Uint8Array {
    const index = ++this.#commands;
    const scan = command.startsWith('AT+FINDSCANDATA');
    const known = scan ? this.#central : ['AT', 'ATV1', 'AT+CENTRAL', 'AT+SHOWRSSI1'].includes(command);
    const possible = known && this.#scan === 0;
    if (command === 'ATV1') this.#verbose = true;
    if (command === 'AT+CENTRAL') this.#central = true;
    if (scan && possible) this.#scan = index;
    if (!this.#verbose) return Buffer.concat([text(command), text(possible ? 'OK' : 'ERROR')]);
    const error = possible ? '"err":0,"errMsg":"ok"' : '"err":1,"errMsg":"error"';
    const head = Buffer.concat([text(`{"C":${index},"cmd":"${command}"}`), text(`{"A":${index},${error}}`)]);
    return scan ? head : Buffer.concat([head, text(`{"E":${index},"nol":3}`)]);
  }
}

function text(line: string): Uint8Array {
  return Buffer.from(`${line}\r\n`, 'latin1');
}
