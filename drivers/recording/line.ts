/** Recording a sensor's own line, where no daemon reads it. */
import { AgentError } from '../../agent/errors.ts';
import type { Decoder, Transport } from '../driver.ts';
import { NOBODY } from './decode.ts';

export interface LineListener {
  /** The line is open. */
  begin(): void;
  /** What was read; valid only during the call. */
  bytes(chunk: Uint8Array, atMs: number): void;
}

/**
 * Listens to a line until `signal` ends it, and speaks to a sensor that has to be spoken to. A line that goes away once it
 * was open is waited for.
 * @param now the timeline, UTC milliseconds; never goes back.
 * @throws AgentError `line_unusable` where the line cannot be opened at all.
 */
export async function listenToLine(
  { transport, decoder, now }: { transport: Transport; decoder: Decoder; now: () => number },
  listener: LineListener,
  signal: AbortSignal,
): Promise<void> {
  let opened = false;
  try {
    await new Promise<void>((resolve, reject) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
      transport.start({
        ...(decoder.speaker && { speaker: decoder.speaker }),
        bytes: (chunk) => {
          const at = now();
          listener.bytes(chunk, at);
          decoder.push(chunk, at, NOBODY);
        },
        up: () => {
          if (!opened) listener.begin();
          opened = true;
        },
        down: (reason) => {
          if (!opened) reject(unusable(reason));
        },
      });
    });
  } finally {
    await transport.stop();
  }
}

function unusable(reason: string): AgentError {
  return new AgentError(
    'line_unusable',
    `cannot listen to the sensor: ${reason}`,
    'No daemon runs, so its line was opened here. What is on this box: footfall doctor',
  );
}
