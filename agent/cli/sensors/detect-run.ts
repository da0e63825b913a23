/** Looks into ports, one after the other; a port that the daemon has open is told of and left alone. */
import { detect } from '../../../drivers/detect/detect.ts';
import type { Detection, Progress } from '../../../drivers/detect/finding.ts';
import type { ProbeLine } from '../../../drivers/detect/line.ts';
import type { Clock } from '../../clock.ts';
import type { Machine } from '../../doctor/machine.ts';
import { textOf } from '../../doctor/machine.ts';
import { bestName, listSerialPorts, type SerialPort } from '../../doctor/ports.ts';
import { AgentError } from '../../errors.ts';
import type { SensorStatus } from '../../local/document.ts';
import { findPorts } from '../setup/ports.ts';
import type { PortReport, RadioReport } from '../view/sensors-detect.ts';
import { SettingsWriter } from './detect-settings.ts';

export interface DetectWorld {
  machine: Pick<Machine, 'readFile' | 'readdir' | 'readlink' | 'realpath'>;
  clock: Clock;
  lineAt(path: string): ProbeLine;
  /** The daemon's sensors; none where it does not run. */
  sensors: readonly SensorStatus[];
  listenMs: number | undefined;
  progress(port: string, step: Progress): void;
  signal: AbortSignal;
}

/** A port to look into: by the name to bind it by. */
export interface Target {
  /** What to write into the settings. */
  port: string;
  /** The device behind it. */
  device: string;
  /** What sysfs knows of it; null for a pty and other things that are no hardware. */
  known: SerialPort | null;
}

/** The ports of this machine, or the one that is named. */
export async function targetsOf(machine: DetectWorld['machine'], named: string | undefined): Promise<Target[]> {
  const ports = await listSerialPorts(machine);
  if (named === undefined) {
    return ports.map((known) => ({ port: bestName(known, ports), device: known.path, known }));
  }
  const device = await machine.realpath(named).catch(() => named);
  const known = ports.find(({ path }) => path === device) ?? null;
  const isKernelName = known !== null && named === known.path;
  return [{ port: isKernelName ? bestName(known, ports) : named, device, known }];
}

/** Throws only when it is ended by the signal. */
export class Detector {
  readonly #world: DetectWorld;
  readonly #writer: SettingsWriter;
  /** The daemon's sensors by the device that their port leads to. */
  readonly #held = new Map<string, SensorStatus[]>();

  constructor(world: DetectWorld) {
    this.#world = world;
    this.#writer = new SettingsWriter(world.sensors.map(({ id }) => id));
  }

  async look({ port, device, known }: Target): Promise<PortReport> {
    const { machine, signal } = this.#world;
    const about = { port, device, product: known?.usb?.name ?? '' };
    const sensors = await this.#holding(device);
    if (sensors.length > 0) return { ...about, state: 'in_use', sensors };
    const consoles = ((await textOf(machine, '/sys/class/tty/console/active')) ?? '').trim().split(/\s+/);
    if (consoles.includes(device.slice('/dev/'.length))) return { ...about, state: 'failed', error: CONSOLE };
    try {
      return { ...about, ...this.#reportOf(port, await this.#detect(port, known)) };
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      const { code, message, hint } = error;
      return { ...about, state: 'failed', error: { code, message, hint } };
    }
  }

  async radios(): Promise<RadioReport[]> {
    const found = (await findPorts(this.#world.machine)).filter(({ kind }) => kind !== 'serial');
    return found.map(({ kind, path: adapter, product }): RadioReport => {
      const isBluetooth = kind === 'bluetooth';
      const driver = isBluetooth ? 'ble-hci' : 'wifi-monitor';
      const isUsed = this.#world.sensors.some((each) => each.port === adapter && each.driver === driver);
      // A radio in monitor mode cannot be what connects the box.
      const isUsable = !isUsed && !product.includes('connects this box');
      const about = isUsed ? `${product}, in use by the daemon` : product;
      return {
        ...{ adapter, kind: isBluetooth ? 'bluetooth' : 'wifi', product: about },
        ...{ driver: isUsable ? driver : null, settings: isUsable ? this.#writer.radio(driver, adapter) : null },
      };
    });
  }

  #detect(port: string, known: SerialPort | null): Promise<Detection> {
    const { lineAt, clock, listenMs, progress, signal } = this.#world;
    return detect({
      line: lineAt(port),
      clock,
      usb: known?.usb ?? null,
      ...(listenMs !== undefined && { listenMs }),
      progress: (step) => progress(port, step),
      signal,
    });
  }

  #reportOf(port: string, { findings, heard, asked }: Detection) {
    const found = findings.map((finding) => ({ ...finding, settings: this.#writer.sensor(port, finding) }));
    return { state: found.length > 0 ? ('found' as const) : ('unknown' as const), found, heard, asked };
  }

  async #holding(device: string): Promise<SensorStatus[]> {
    if (this.#held.size === 0) {
      for (const sensor of this.#world.sensors) {
        // One that is down has no line open.
        if (sensor.state === 'down' || !sensor.port.startsWith('/')) continue;
        const place = await this.#world.machine.realpath(sensor.port).catch(() => sensor.port);
        this.#held.set(place, [...(this.#held.get(place) ?? []), sensor]);
      }
    }
    return this.#held.get(device) ?? [];
  }
}

const CONSOLE = {
  code: 'port_console',
  message: 'the kernel writes its messages to this port: it was not opened',
  hint: "Take console= off the kernel's command line to use it for a sensor.",
};
