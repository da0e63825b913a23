import { stateMessage } from '../contract/messages.ts';
import { VirtualClock } from '../platform/clock.ts';
import { EPOCH, MemoryOutbox, type ScriptedSession, scriptedBroker, settle } from './fixtures.ts';
import type { ObserveMessage } from './observed.ts';
import type { UplinkOptions } from './port.ts';
import { createUplink } from './uplink.ts';
export const OLD = 'fedcba9876543210';
export const SECRET = 'correct horse battery';
export const OPTIONS: UplinkOptions = {
  url: 'mqtt://broker.example',
  tenant: 'acme',
  gateway: 'gw-1',
  epoch: EPOCH,
  username: 'box',
  password: SECRET,
  ack: 'collector',
  window: 4,
  staggerSeconds: 0,
};
export const ACK = 'ff/v1/acme/gw-1/down/ack';
export const CONFIG = 'ff/v1/acme/gw-1/down/config';

/** An uplink on a virtual clock and a scripted broker. */
export function uplinkBench(
  options: Partial<UplinkOptions> = {},
  observe?: ObserveMessage,
  configure?: (payload: Uint8Array) => void,
) {
  const outbox = new MemoryOutbox();
  const clock = new VirtualClock(1_760_000_000_000);
  const broker = scriptedBroker();
  const lines: string[] = [];
  let random = 0.5;
  const uplink = createUplink(
    { ...OPTIONS, ...options },
    {
      outbox,
      clock,
      random: () => {
        random = (random * 997 + 0.137) % 1;
        return random;
      },
      log: (...line) => lines.push(JSON.stringify(line)),
      facts: async () => ({
        firstSequence: 1,
        sealedThrough: 9,
        oldestHeld: 3,
        previous: { epoch: OLD, last_sequence: 40, oldest_held: null, end: 'damaged' },
        config: null,
        parameters: 'p1',
        version: '0.1.0',
        sensors: [{ id: 'door', driver: 'door-lines', state: 'up' }],
      }),
      open: broker.open,
      ...(observe === undefined ? {} : { observe }),
      ...(configure === undefined ? {} : { configure }),
    },
  );
  const pass = async (ms: number) => {
    await clock.advanceTo(clock.monotonic() + ms);
    await settle();
  };
  /** Passes time until another attempt is made, and returns how long that took. */
  const untilNext = async () => {
    const from = clock.monotonic();
    const { length } = broker.sessions;
    while (broker.sessions.length === length && clock.monotonic() - from < 600_000) await pass(100);
    return clock.monotonic() - from;
  };
  const last = () => broker.sessions[broker.sessions.length - 1];
  return { uplink, outbox, clock, broker, lines, pass, untilNext, last };
}

export function statesOf(session: ScriptedSession) {
  return session.bodies('/up/state').map((body) => stateMessage.parse(JSON.parse(body)));
}
