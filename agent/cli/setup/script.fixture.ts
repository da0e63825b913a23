/** An asker that answers from a script, and a world to set up in. */
import type { Finding } from '../../doctor/finding.ts';
import { AgentError } from '../../errors.ts';
import { VirtualClock } from '../../platform/clock.ts';
import { type Asker, type Check, interrupted } from './asker.ts';
import type { World } from './flow.ts';

/** A part of the question, and the answer to it; a list of choices is answered by the beginnings of their names. */
export type Line = [question: string, answer: string | boolean | string[]];

export class Script implements Asker {
  readonly asked: string[] = [];
  readonly notes: string[] = [];
  readonly #lines: Line[];
  readonly #endAt: number;

  /** @param endAt number of the question, from 0, at which the person presses Ctrl-C. */
  constructor(lines: readonly Line[], endAt = Number.POSITIVE_INFINITY) {
    this.#lines = [...lines];
    this.#endAt = endAt;
  }

  get left(): number {
    return this.#lines.length;
  }

  async text({ message, default: preset, check }: { message: string; default?: string; check?: Check }) {
    const typed = String(this.#next(message));
    const answer = typed === '' ? (preset ?? '') : typed;
    const refusal = check?.(answer);
    if (refusal !== undefined) throw new Error(`"${message}" refuses "${answer}": ${refusal}`);
    return answer;
  }

  secret(question: { message: string; check?: Check }) {
    return this.text(question);
  }

  async confirm({ message, default: preset }: { message: string; default: boolean }) {
    const answer = this.#next(message);
    return answer === '' ? preset : answer === true;
  }

  async choose<Value>({ message, choices, default: preset }: Parameters<Asker['choose']>[0] & { default?: Value }) {
    const answer = this.#next(message);
    if (answer === '') return (preset ?? choices[0].value) as Value;
    return this.#pick<Value>(message, choices, String(answer));
  }

  async several<Value>({ message, choices }: Parameters<Asker['several']>[0]) {
    const answer = this.#next(message);
    return (Array.isArray(answer) ? answer : [String(answer)]).map((name) => this.#pick<Value>(message, choices, name));
  }

  async search({ message, default: preset, find }: Parameters<Asker['search']>[0]) {
    const typed = String(this.#next(message));
    if (typed === '') return preset ?? find(undefined)[0];
    const [found] = find(typed);
    if (found === undefined) throw new Error(`"${message}" finds nothing for "${typed}"`);
    return found;
  }

  note(line: string): void {
    this.notes.push(line);
  }

  #pick<Value>(message: string, choices: readonly { value: unknown; name: string }[], name: string): Value {
    const choice = choices.find((each) => each.name.startsWith(name));
    if (!choice) throw new Error(`"${message}" offers ${choices.map((each) => each.name).join(' / ')}, not "${name}"`);
    return choice.value as Value;
  }

  #next(message: string): Line[1] {
    if (this.asked.length === this.#endAt) throw interrupted();
    this.asked.push(message);
    const line = this.#lines.shift();
    if (!line) throw new Error(`the script ends before "${message}"`);
    if (!message.includes(line[0])) throw new Error(`the script expects "${line[0]}", asked was "${message}"`);
    return line[1];
  }
}

export const reached: Finding = {
  ...{ chapter: 'broker', check: 'broker_tcp', subject: '', outcome: 'ok' },
  ...{ tried: 'connect', found: 'connected', mend: '' },
};
export const refused: Finding = { ...reached, outcome: 'error', found: 'connection refused', mend: 'Is it running?' };

/** A machine with two ports, no daemon and a broker that answers; `said` collects what the person sees. */
export function scriptedWorld(parts: Partial<World> = {}): World & { said: string[] } {
  const said: string[] = [];
  return {
    said,
    asker: null,
    say: (line) => void said.push(line),
    width: 80,
    paint: (_tone, text) => text,
    around: {
      hostname: 'Shop-12.local',
      timeZone: 'Europe/Vienna',
      ports: [
        {
          ...{ kind: 'serial', path: '/dev/serial/by-id/usb-sniffer', naming: 'stable' },
          ...{ device: 'ttyUSB0', product: 'CP2102N' },
        },
        { kind: 'serial', path: '/dev/ttyUSB1', naming: 'kernel', device: 'ttyUSB1', product: 'CH340' },
        { kind: 'bluetooth', path: 'hci0', naming: 'kernel', device: 'hci0', product: 'Bluetooth adapter' },
      ],
    },
    check: async function* () {
      yield reached;
    },
    request: async (socket) => {
      throw new AgentError('daemon_not_running', `no daemon on ${socket}`);
    },
    clock: new VirtualClock(Date.UTC(2026, 10, 22, 7, 21)),
    random: () => 0.5,
    signal: new AbortController().signal,
    root: '/nowhere',
    ...parts,
  };
}
