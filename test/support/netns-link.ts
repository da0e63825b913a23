/**
 * A gateway's network and its broker's, each a network namespace, with two lines between them that can lose, slow or cut
 * what goes over them. Needs root. Names are of one run, so that runs do not meet.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { reasonOf } from '../../agent/errors.ts';
import { startApart } from './brokers-node.ts';
import { type Child, findProgram } from './processes.ts';

const IP = findProgram('ip');
const NFT = findProgram('nft');

/** Where the broker listens, whichever line leads there. */
export const BROKER_ADDRESS = '10.77.0.1';
const LINES = ['one', 'two'] as const;
type Line = (typeof LINES)[number];
const NETWORKS: Readonly<Record<Line, string>> = { one: '10.77.1', two: '10.77.2' };

export type Side = 'gateway' | 'broker';
/** What happens to packets that arrive at a side: lost in percent, or beyond so many KB/s, or all of them. */
export type Fault = { lose: number } | { slow: number } | 'cut';

/** Null where this process may make networks, else why not. */
export function missingForNetworks(): string | null {
  if (process.platform !== 'linux' || IP === null) return 'needs ip (iproute2)';
  if (NFT === null) return 'needs nft (nftables)';
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  try {
    const link = new NetnsLink();
    try {
      link.disturb({ gateway: { lose: 1 } });
    } finally {
      link.close();
    }
    return null;
  } catch (error) {
    return `may not make networks here: ${reasonOf(error).split('\n')[0]}`;
  }
}

export class NetnsLink {
  readonly #names: Readonly<Record<Side, string>>;
  #line: Line = 'one';

  constructor() {
    const run = randomBytes(4).toString('hex');
    this.#names = { gateway: `ff-${run}-gateway`, broker: `ff-${run}-broker` };
    try {
      this.#make();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A process on one side. Files and unix sockets are those of everybody. */
  start(side: Side, name: string, program: string, words: string[]): Child {
    return startApart(name, IP ?? 'ip', ['netns', 'exec', this.#names[side], program, ...words]);
  }

  /** Faults from now on, in place of those before, by the side that the packets do not reach; none for no faults. */
  disturb(faults: Partial<Record<Side, Fault>>): void {
    for (const side of ['gateway', 'broker'] as const) {
      const fault = faults[side];
      const rule = fault === undefined ? '' : `iifname != "lo" ${matchOf(fault)} counter drop;`;
      // What arrives is dropped, not what leaves: a sender would be told at once that its packet went nowhere.
      const table = `table inet fault { chain arriving { type filter hook input priority 0; policy accept; ${rule} }; }`;
      this.#nft(side, ['-f', '-'], `table inet fault\ndelete table inet fault\n${table}\n`);
    }
  }

  /** Packets that the present faults have dropped, by the side that they did not reach. */
  dropped(): Record<Side, number> {
    const count = (side: Side): number => {
      const found = /counter packets (\d+)/.exec(this.#nft(side, ['list', 'table', 'inet', 'fault']));
      return found === null ? 0 : Number(found[1]);
    };
    return { gateway: count('gateway'), broker: count('broker') };
  }

  /** As when the gateway's cable is pulled, and put in again. */
  plug(isIn: boolean): void {
    this.#ip('gateway', 'link', 'set', this.#line, isIn ? 'up' : 'down');
    // The kernel forgets the way with the cable; what watches over networks sets it again.
    if (isIn) this.#route();
  }

  /** The way to the broker goes over the other line from now on, from another address; the line before is dead. */
  move(): void {
    const before = this.#line;
    this.#line = before === 'one' ? 'two' : 'one';
    this.#ip('broker', 'link', 'set', this.#line, 'up');
    this.#route();
    this.#ip('broker', 'link', 'set', before, 'down');
  }

  /** Removes everything. Processes in it must have ended. */
  close(): void {
    for (const name of Object.values(this.#names)) {
      try {
        run(IP ?? 'ip', ['netns', 'delete', name]);
      } catch {
        // It was never made, or is gone already.
      }
    }
  }

  #make(): void {
    const { gateway, broker } = this.#names;
    for (const name of [gateway, broker]) run(IP ?? 'ip', ['netns', 'add', name]);
    this.#ip('gateway', 'link', 'set', 'lo', 'up');
    this.#ip('broker', 'link', 'set', 'lo', 'up');
    this.#ip('broker', 'address', 'add', `${BROKER_ADDRESS}/32`, 'dev', 'lo');
    for (const line of LINES) {
      run(IP ?? 'ip', ['link', 'add', line, 'netns', gateway, 'type', 'veth', 'peer', 'name', line, 'netns', broker]);
      for (const [side, host] of [
        ['gateway', 2],
        ['broker', 1],
      ] as const) {
        this.#ip(side, 'address', 'add', `${NETWORKS[line]}.${host}/30`, 'dev', line);
        // Packets of the size of a wire's: one of 64 KB would be lost or not as a whole.
        this.#ip(side, 'link', 'set', line, 'gso_max_segs', '1', 'up');
      }
    }
    this.#route();
  }

  #route(): void {
    this.#ip('gateway', 'route', 'replace', BROKER_ADDRESS, 'via', `${NETWORKS[this.#line]}.1`, 'dev', this.#line);
  }

  #ip(side: Side, ...words: string[]): void {
    run(IP ?? 'ip', ['-n', this.#names[side], ...words]);
  }

  #nft(side: Side, words: string[], input = ''): string {
    return run(IP ?? 'ip', ['netns', 'exec', this.#names[side], NFT ?? 'nft', ...words], input);
  }
}

function matchOf(fault: Fault): string {
  if (fault === 'cut') return '';
  if ('lose' in fault) return `numgen random mod 100 < ${fault.lose}`;
  return `limit rate over ${fault.slow} kbytes/second burst 8 kbytes`;
}

function run(program: string, words: string[], input = ''): string {
  return execFileSync(program, words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], timeout: 10_000 });
}
