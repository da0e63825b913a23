import type { DoorFormat, DoorModule, Totals } from './simulator/formats.ts';

/** A beam counter: says its name when it is powered, and its totals after each person. */
export class DoorBeamFormat implements DoorFormat {
  readonly #module: DoorModule;

  constructor(module: DoorModule) {
    this.#module = module;
  }

  boot(): void {
    this.#module.wire(Buffer.from('BEAM 2.1 ready\r\n', 'latin1'));
  }

  counted({ in: entered, out: left }: Readonly<Totals>): void {
    const totals = `${entered % 65_536},${left % 65_536}`;
    let sum = 0;
    for (const character of totals) sum += character.charCodeAt(0);
    const digits = (sum % 256).toString(16).toUpperCase().padStart(2, '0');
    this.#module.wire(Buffer.from(`#${totals}*${digits}\r\n`, 'latin1'));
  }
}
