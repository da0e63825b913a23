/** A run that waits for its disk: alive to its supervisor, and it says why it does not count yet. */
import type { Clock } from './clock.ts';
import type { AgentError } from './errors.ts';
import type { Log } from './logging.ts';
import type { ServiceNotifier } from './platform/notify.ts';
import { Watchdog } from './platform/watchdog.ts';
import { startPatiently } from './start-patiently.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface WaitingParts {
  /** The machine's. */
  clock: Clock;
  notifier: ServiceNotifier;
  log: Log;
  /** Notes why the run waits. */
  note(error: AgentError): void;
}

/**
 * What `start` gives once the disk lets it. `told` is the signal that asked for the end meanwhile, of which the process
 * dies only while nothing waits; then there may be nothing that was started.
 */
export async function startOnceAble<T>(
  start: () => Promise<T>,
  { clock, notifier, log, note }: WaitingParts,
): Promise<{ started: T | null; told: NodeJS.Signals | null }> {
  const ended = new AbortController();
  let told: NodeJS.Signals | null = null;
  let watchdog: Watchdog | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    // The settings are read when it begins; nothing is there to read them again.
    if (signal === 'SIGHUP') return;
    told ??= signal;
    ended.abort();
  };
  const begin = (): void => {
    for (const signal of SIGNALS) process.on(signal, onSignal);
    const { watchdogMs: intervalMs } = notifier;
    if (intervalMs === null) return;
    watchdog = new Watchdog({ notifier, clock, intervalMs, healthy: () => true });
    watchdog.start();
  };
  let waits = false;
  const waiting = (error: AgentError): void => {
    if (!waits) begin();
    waits = true;
    log('error', { code: error.code, reason: error.message, hint: error.hint }, 'cannot begin yet; waiting');
    note(error);
    // Up, as far as systemd goes: a start that takes too long would be ended and begun again for ever.
    notifier.ready(`not counting yet: ${error.message}`);
  };
  try {
    return { started: await startPatiently(start, { clock, waiting, signal: ended.signal }), told };
  } finally {
    (watchdog as Watchdog | null)?.stop();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
