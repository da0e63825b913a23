/** `footfall collect` as a process that is killed and started again, and what it said of its commits. */
import { startApart } from '../../test/support/brokers-node.ts';
import type { Child } from '../../test/support/processes.ts';

export class ChaosCollector {
  readonly database: string;
  readonly #words: string[];
  #child: Child | null = null;
  #line = '';
  /** Batches stored, and batches that came again, as far as it could say so before it died. */
  stored = 0;
  duplicates = 0;

  /** @param entry the program with the verb `collect`. */
  constructor(entry: string, brokerUrl: string, database: string) {
    this.database = database;
    this.#words = [entry, 'collect', '--broker', brokerUrl, '--database', database, '--json'];
  }

  /** The process that lives now, if any. */
  get child(): Child | null {
    return this.#child;
  }

  start(): void {
    this.#child = startApart('footfall collect', process.execPath, this.#words);
    this.#line = '';
    this.#child.process.stdout?.on('data', (text: string) => this.#read(text));
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#child?.end('SIGTERM');
  }

  #read(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.includes('"Committed"')) continue;
      const { stored, duplicates } = JSON.parse(line) as { stored: number; duplicates: number };
      this.stored += stored;
      this.duplicates += duplicates;
    }
  }
}
