/** Which transport a sensor of the settings is attached by. */
import type { Clock } from '../../agent/clock.ts';
import { AgentError } from '../../agent/errors.ts';
import type { LineKind, Transport } from '../driver.ts';
import { Bus, gapMs } from './bus.ts';
import { ContactTransport } from './contact.ts';
import type { LineSettings } from './port.ts';
import { RadioTransport } from './radio.ts';
import { SerialTransport } from './serial.ts';

/** What a transport needs to know of a sensor. */
export interface Attachment {
  id: string;
  line: LineKind;
  port: string;
  baud: number;
  options: Omit<LineSettings, 'baudRate'> & {
    /** Address on a bus: sensors with one may share a line. */
    unit?: number;
    contact?: 'cts' | 'dsr' | 'dcd';
    /** How long a closure must last, milliseconds. */
    debounceMs?: number;
  };
}

export interface LinesOptions {
  clock: Clock;
  /** Of the sockets of radio helpers, which run on time of their own whatever clock the store is simulated on. */
  networkClock: Clock;
  /** Numbers from 0 to below 1. */
  random: () => number;
  /** Path of the socket of a sensor's radio helper. */
  radioSocket: (sensorId: string) => string;
  /** The helper of a radio, where nobody else starts it. */
  helper?: (sensorId: string, socket: string) => Helper;
}

/** A process that listens with a radio. */
export interface Helper {
  start(): void;
  stop(): Promise<void>;
}

/** Makes the transports of one daemon: sensors on one bus share its line. */
export class Lines {
  readonly #options: LinesOptions;
  /** The buses by port, each with how its line is opened. */
  readonly #buses = new Map<string, { bus: Bus; line: string }>();

  constructor(options: LinesOptions) {
    this.#options = options;
  }

  /** @throws AgentError `bus_settings` for a sensor whose line is opened in another way by others on its bus. */
  of({ id, line: kind, port, baud, options }: Attachment): Transport {
    if (kind === 'radio') return this.#radio(id);
    const { unit, parity, stopBits, flowControl, contact = 'cts', debounceMs } = options;
    const { clock, random } = this.#options;
    if (kind === 'contact') {
      const settle = debounceMs === undefined ? {} : { settleMs: debounceMs };
      return new ContactTransport({ path: port, line: contact, ...settle, clock, random });
    }
    const line: LineSettings = {
      baudRate: baud,
      ...(parity && { parity }),
      ...(stopBits && { stopBits }),
      ...(flowControl && { flowControl }),
    };
    return unit === undefined ? this.#serial(port, line) : this.#busAt(port, line).member();
  }

  #busAt(port: string, line: LineSettings): Bus {
    const { baudRate, parity = 'none', stopBits = 1 } = line;
    const wanted = `${baudRate} bits per second, parity ${parity}, stop bits ${stopBits}`;
    const known = this.#buses.get(port);
    if (known?.line === wanted) return known.bus;
    if (known !== undefined && !known.bus.unused) {
      throw new AgentError(
        'bus_settings',
        `expected ${known.line} as the other sensors on ${port} have it, found ${wanted}`,
        'Give all sensors on one port the same baud, parity and stop_bits.',
      );
    }
    const bus = new Bus(this.#serial(port, line), this.#options.clock, gapMs(baudRate));
    this.#buses.set(port, { bus, line: wanted });
    return bus;
  }

  #radio(sensorId: string): Transport {
    const { networkClock, random, radioSocket, helper } = this.#options;
    const socket = radioSocket(sensorId);
    const transport = new RadioTransport({ socket, sensorId, clock: networkClock, random });
    return helper === undefined ? transport : helped(transport, helper(sensorId, socket));
  }

  #serial(path: string, line: LineSettings): Transport {
    const { clock, random } = this.#options;
    return new SerialTransport({ path, ...line, clock, random });
  }
}

/** A radio whose helper runs for as long as it is listened to. */
function helped(transport: Transport, helper: Helper): Transport {
  return {
    start: (events) => {
      helper.start();
      transport.start(events);
    },
    poll: () => transport.poll(),
    get delivered() {
      return transport.delivered;
    },
    stop: async () => {
      await transport.stop();
      await helper.stop();
    },
  };
}
