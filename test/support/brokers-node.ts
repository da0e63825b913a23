/** Real brokers on loopback ports, each node a process of its own that can be killed, behind one interface. */
import { accepts } from '../../agent/uplink/brokers.ts';
import { Child, findProgram, until } from './processes.ts';

/** One server process. */
export interface BrokerNode {
  readonly name: string;
  /** Its MQTT port on 127.0.0.1. */
  readonly port: number;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  /** The process that lives now, if any. */
  readonly child: Child | null;
}

export interface BrokerSystem {
  readonly name: string;
  readonly nodes: readonly BrokerNode[];
  /** Resolves when every node takes connections. */
  start(): Promise<void>;
  /** Resolves when the system is whole again after a kill: only then may the next node die. */
  whole(): Promise<void>;
  /** Ends every process that was started here. */
  stop(): Promise<void>;
}

/** A server that is started by one command and takes connections on one port. */
export class ServerNode implements BrokerNode {
  readonly name: string;
  readonly port: number;
  readonly #command: () => { program: string; words: string[]; env?: NodeJS.ProcessEnv };
  readonly #patienceMs: number;
  #child: Child | null = null;

  constructor(
    name: string,
    port: number,
    command: () => { program: string; words: string[]; env?: NodeJS.ProcessEnv },
    patienceMs = 30_000,
  ) {
    this.name = name;
    this.port = port;
    this.#command = command;
    this.#patienceMs = patienceMs;
  }

  get child(): Child | null {
    return this.#child;
  }

  async start(): Promise<void> {
    const { program, words, env } = this.#command();
    const child = startApart(this.name, program, words, env === undefined ? {} : { env });
    this.#child = child;
    const listening = async (): Promise<boolean> => {
      if (!child.running) throw new Error(`${this.name} ended:\n${child.output}`);
      return accepts(this.port);
    };
    await until(`${this.name} to listen on port ${this.port}`, listening, this.#patienceMs);
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }
}

const SETPRIV = findProgram('setpriv');
const SETSID = findProgram('setsid');

/**
 * A child in a session of its own: Ctrl-C in a terminal goes to all processes of it, and must reach the one alone that
 * ends the others in order. Should that one be killed, so is the child. setpriv(1) and setsid(1) become the program, so the
 * child's pid is the program's.
 */
export function startApart(
  name: string,
  program: string,
  words: string[],
  options: { env?: NodeJS.ProcessEnv; keep?: number } = {},
): Child {
  const guard = SETPRIV === null ? [] : [SETPRIV, '--pdeathsig', 'KILL'];
  const [first, ...rest] = [...guard, ...(SETSID === null ? [] : [SETSID]), program, ...words];
  return new Child(name, first, rest, options);
}
