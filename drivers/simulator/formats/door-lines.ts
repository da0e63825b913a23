import { doorLine } from '../encode/door-line.ts';
import { encodeEspBootText } from '../encode/serial-pcap.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

const HEARTBEAT_MS = 10_000;

/**
 * A counter that sends lines: boot text, then by variant the JSON contract at each count and each 10 s; `integer`, the
 * running total of entries at power up, at each entry and each 10 s; `events`, a `+` or a `-` for each person.
 */
export class DoorLinesFormat implements DoorFormat {
  readonly #module: DoorModule;
  #boot = 0;
  #bootMs = 0;
  #seq = 0;
  #totals: Readonly<Totals> = { in: 0, out: 0 };

  constructor(module: DoorModule) {
    this.#module = module;
  }

  boot(): void {
    const { agenda, random, sensor, wire } = this.#module;
    this.#boot = random.next();
    this.#bootMs = agenda.now;
    this.#seq = 0;
    this.#totals = { in: 0, out: 0 };
    wire(encodeEspBootText());
    if (sensor.variant !== 'events') this.#heartbeat(this.#boot);
  }

  counted(totals: Readonly<Totals>, inwards: boolean): void {
    this.#totals = { ...totals };
    const { sensor, wire } = this.#module;
    if (sensor.variant === 'events') wire(Buffer.from(inwards ? '+\r\n' : '-\r\n'));
    else if (inwards || sensor.variant !== 'integer') this.#send();
  }

  #heartbeat(boot: number): void {
    if (boot !== this.#boot) return;
    const { agenda } = this.#module;
    this.#send();
    agenda.at(agenda.now + HEARTBEAT_MS, () => this.#heartbeat(boot));
  }

  #send(): void {
    const { agenda, sensor, wire } = this.#module;
    if (sensor.variant === 'integer') {
      wire(Buffer.from(`${this.#totals.in}\r\n`));
      return;
    }
    const ms = agenda.now - this.#bootMs;
    const checksum = sensor.checksum ?? false;
    wire(doorLine({ boot: this.#boot, seq: this.#seq++, ...this.#totals, ms, checksum }));
  }
}
