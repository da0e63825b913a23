import { readSync } from 'node:fs';
import type { Clock } from '../../agent/clock.ts';
import { AgentError } from '../../agent/errors.ts';
import { explainOpenFailure, NOT_NOW, openSerialPort, type PortOpener } from '../transport/port.ts';
import { type OpenedProbe, type ProbeLine, pause } from './line.ts';

const READ_SIZE = 65_536;
/** A line that takes no bytes for so long takes none at all. */
const WRITE_MS = 500;
const RETRY_MS = 10;

/** A serial port. Its `open` throws AgentError `port_unopenable`, an open one `port_gone` once it is pulled out. */
export function portLine(path: string, clock: Clock, open: PortOpener = openSerialPort): ProbeLine {
  const gone = (reason: string) =>
    new AgentError('port_gone', `${path}: the line was hung up (${reason})`, 'Plug it in again, and look again.');
  return {
    async open(settings): Promise<OpenedProbe> {
      const port = await open(path, settings).catch((error: unknown) => {
        const hint = 'Look at all ports: footfall sensors detect';
        throw new AgentError('port_unopenable', `${path}: ${explainOpenFailure(error)}`, hint, { cause: error });
      });
      const chunk = Buffer.allocUnsafeSlow(READ_SIZE);
      return {
        read() {
          try {
            const count = readSync(port.fd, chunk, 0, READ_SIZE, null);
            if (count > 0) return chunk.subarray(0, count);
          } catch (error) {
            const code = (error as NodeJS.ErrnoException).code ?? 'read failed';
            if (NOT_NOW.has(code)) return new Uint8Array(0);
            throw gone(code);
          }
          throw gone('end of file');
        },
        async write(bytes) {
          const until = clock.monotonic() + WRITE_MS;
          for (let rest = bytes; rest.length > 0; ) {
            try {
              rest = rest.subarray(port.write(rest));
            } catch (error) {
              throw gone((error as NodeJS.ErrnoException).code ?? 'write failed');
            }
            if (rest.length === 0) return;
            if (clock.monotonic() > until) throw gone('it takes no bytes');
            await pause(clock, RETRY_MS);
          }
        },
        close: () => port.close(),
      };
    },
  };
}
