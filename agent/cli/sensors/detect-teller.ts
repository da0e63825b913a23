/** Tells what is found: for people port by port, in JSON all at the end. */
import type { Progress } from '../../../drivers/detect/finding.ts';
import {
  type FoundSensor,
  lineText,
  type PortReport,
  type RadioReport,
  renderPort,
  renderRadio,
} from '../view/sensors-detect.ts';
import { terminalOf } from '../view/style.ts';

const NOTHING_KNOWN = 1;
const NOT_OPENED = 2;

/** Tells each port as soon as it has been looked into; in JSON all at the end. */
export class Teller {
  readonly #ports: PortReport[] = [];
  readonly #radios: RadioReport[] = [];
  readonly #json: boolean;
  readonly #terminal = terminalOf(process.stdout, process.env);
  #hasProgress = false;
  #hasSaid = false;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** One line of a terminal, written over again and again. */
  progress(port: string, step: Progress): void {
    if (process.stderr.isTTY !== true) return;
    this.clear();
    const name = port.slice(port.lastIndexOf('/') + 1).slice(-30);
    process.stderr.write(`${name}: ${stepText(step)} at ${lineText(step.line)} ...`);
    this.#hasProgress = true;
  }

  clear(): void {
    if (this.#hasProgress) process.stderr.write('\r\u001b[K');
    this.#hasProgress = false;
  }

  port(report: PortReport): void {
    this.clear();
    this.#ports.push(report);
    if (!this.#json) this.#say(renderPort(report, this.#terminal));
  }

  radio(report: RadioReport): void {
    this.#radios.push(report);
    if (!this.#json) this.#say(renderRadio(report, this.#terminal));
  }

  /** The exit code. */
  end(): number {
    const [ports, radios] = [this.#ports, this.#radios];
    if (this.#json) process.stdout.write(`${JSON.stringify({ ports: ports.map(documentOf), radios }, null, 2)}\n`);
    else if (ports.length + radios.length === 0) process.stdout.write('No serial port and no radio is plugged in.\n');
    const isFound = ports.some(({ state }) => state === 'found' || state === 'in_use');
    if (isFound || radios.some(({ driver }) => driver !== null)) return 0;
    return ports.some(({ state }) => state === 'failed') ? NOT_OPENED : NOTHING_KNOWN;
  }

  #say(block: string): void {
    process.stdout.write(this.#hasSaid ? `\n${block}` : block);
    this.#hasSaid = true;
  }
}

function stepText(step: Progress): string {
  if (step.kind === 'heard') return `${step.bytes} bytes`;
  return step.kind === 'asking' ? `asking ${step.what}` : 'listening';
}

/** Keys as in the settings and in every JSON document of the product. */
function documentOf(report: PortReport): object {
  if (report.state !== 'found' && report.state !== 'unknown') return report;
  const found = report.found.map(({ driver, line, ...rest }) => ({ driver, ...keysOf(line), ...rest }));
  const heard = report.heard.map(({ line, ...rest }) => ({ ...keysOf(line), ...rest }));
  return { ...report, found, heard };
}

function keysOf({ baudRate, parity = 'none', stopBits = 1 }: FoundSensor['line']): object {
  return { baud: baudRate, parity, stop_bits: stopBits };
}
