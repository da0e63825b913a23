/** A virtual clock driven from outside: time moves, then exactly the bytes that were sent up to then are taken in. */
import type { Clock } from './clock.ts';
import { AgentError } from './errors.ts';
import type { Sensor } from './sensors.ts';

/** How long bytes that were sent may take to arrive at a port. */
const PATIENCE_MS = 20_000;

export interface Step {
  toMs: number;
  /** Bytes that each sensor has sent since its line was opened. */
  delivered: Record<string, number>;
}

/** Reads `{"to_ms": 1, "delivered": {"sensor": 1}}`. @throws AgentError `step_invalid` */
export function readStep(body: unknown): Step {
  const { to_ms: toMs, delivered = {} } = (body ?? {}) as { to_ms?: unknown; delivered?: unknown };
  const counts = typeof delivered === 'object' && delivered !== null ? Object.values(delivered) : [Number.NaN];
  if (typeof toMs === 'number' && Number.isSafeInteger(toMs) && counts.every(Number.isSafeInteger)) {
    return { toMs, delivered: delivered as Record<string, number> };
  }
  throw new AgentError(
    'step_invalid',
    'expected {"to_ms": UTC milliseconds, "delivered": {sensor: bytes since its line was opened}}',
    'The clock stays where it is.',
  );
}

/** Nothing is left in a port when this resolves. @throws AgentError `step_sensor`, or `step_bytes` when bytes do not come. */
export async function lockStep(
  step: Step,
  sensors: readonly Sensor[],
  machineClock: Clock,
  advanceTo: (ms: number) => Promise<void>,
): Promise<void> {
  const unknown = Object.keys(step.delivered).filter((id) => !sensors.some((sensor) => sensor.id === id));
  if (unknown.length > 0) {
    const known = sensors.map(({ id }) => id).join(', ');
    throw new AgentError('step_sensor', `no sensor is called ${unknown.join(', ')}`, `The sensors are: ${known}.`);
  }
  await advanceTo(step.toMs);
  const deadline = machineClock.monotonic() + PATIENCE_MS;
  for (const { id, options } of sensors) {
    const expected = step.delivered[id] ?? 0;
    const { transport } = options;
    for (transport.poll(); transport.delivered < expected; transport.poll()) {
      if (machineClock.monotonic() > deadline) {
        throw new AgentError(
          'step_bytes',
          `expected ${expected} bytes from ${id}, found ${transport.delivered}`,
          'Were they sent to the port that the settings name, after it was opened?',
        );
      }
      await new Promise<void>((resolve) => machineClock.after(0, resolve));
    }
  }
}
