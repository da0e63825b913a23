/** What is done to the line between a gateway and its broker, one after the other. */
import type { NetnsParts } from './netns-parts.ts';
import { until } from './processes.ts';

export const PHASE_NAMES = ['loss', 'slow', 'cut', 'deaf', 'mute', 'unplugged', 'restart', 'moved'] as const;
export type PhaseName = (typeof PHASE_NAMES)[number];

export interface Phase {
  name: PhaseName;
  /** For people. */
  what: string;
  /** Seconds from the begin of the fault to its end. */
  seconds: number;
  /** Whether anything gets through: then batches must, else the uplink must say that nothing does. */
  through: boolean;
  /** Whether the fault drops packets, to be counted. */
  drops: boolean;
  begin(parts: NetnsParts): Promise<void>;
  end(parts: NetnsParts): Promise<void>;
}

/** Windows that are sealed at once just before the broker dies: more than it may have on their way to the collector. */
const BURST = 60;
/** For the broker to take what the gateway has; the collector, which is stopped, takes nothing. */
const TAKEN_WITHIN_MS = 1_500;
const BACK_WITHIN_MS = 60_000;

/** @param lossPercent of all packets, each way. */
export function phaseOf(name: PhaseName, seconds: number, lossPercent: number): Phase {
  const heal = async ({ link }: NetnsParts): Promise<void> => link.disturb({});
  const common = { name, seconds, through: false, drops: true, end: heal };
  switch (name) {
    case 'loss':
      return {
        ...{ ...common, what: `${lossPercent} % of packets lost, each way`, through: true },
        begin: async ({ link }) => link.disturb({ gateway: { lose: lossPercent }, broker: { lose: lossPercent } }),
      };
    case 'slow':
      return {
        ...{ ...common, what: 'at most 8 KB/s to the broker, what is beyond lost', through: true },
        begin: async ({ link }) => link.disturb({ broker: { slow: 8 } }),
      };
    case 'cut':
      return {
        ...{ ...common, what: 'nothing gets through, and nobody is told' },
        begin: async ({ link }) => link.disturb({ gateway: 'cut', broker: 'cut' }),
      };
    case 'deaf':
      return {
        ...{ ...common, what: 'nothing gets to the gateway' },
        begin: async ({ link }) => link.disturb({ gateway: 'cut' }),
      };
    case 'mute':
      return {
        ...{ ...common, what: 'nothing gets to the broker' },
        begin: async ({ link }) => link.disturb({ broker: 'cut' }),
      };
    case 'unplugged':
      return {
        ...{ ...common, what: 'the cable of the gateway pulled', drops: false },
        begin: async ({ link }) => link.plug(false),
        end: async ({ link }) => link.plug(true),
      };
    case 'moved':
      return {
        ...{ ...common, what: 'the way to the broker goes over another line, from another address', drops: false },
        // The new line is sound: to find its way there is all that the uplink has to do.
        begin: async () => {},
        end: async ({ link }) => link.move(),
        seconds: 0,
      };
    case 'restart':
      return {
        ...{ ...common, what: 'cut, and the broker killed with what it has acknowledged' },
        begin: async (parts) => {
          parts.freezeCollector(true);
          await parts.step(BURST, 0);
          await until(
            'the burst to be taken',
            async () => (await parts.status()).buffer.held === 0,
            TAKEN_WITHIN_MS,
          ).catch(() => undefined);
          parts.link.disturb({ gateway: 'cut', broker: 'cut' });
          await parts.killBroker();
          parts.freezeCollector(false);
          const { collectorConnections } = parts;
          await parts.startBroker();
          // What the broker takes while nobody listens is sent again after a minute: right, and nothing to wait for here.
          await until(
            'the collector to be back',
            () => parts.collectorConnections > collectorConnections,
            BACK_WITHIN_MS,
          );
        },
        end: heal,
      };
  }
}
