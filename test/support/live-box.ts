/** A gateway on the machine's own clock that a test breaks and mends, and what its operator is told meanwhile. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../agent/doctor/finding.ts';
import { requestLocal } from '../../agent/local/client.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import { MAIN } from './gateway.ts';
import { Child, until } from './processes.ts';
import { Pty } from './pty.ts';
import { footfall } from './shop.ts';

const TMPFS = 0x01021994;
const MEMORY = '/dev/shm';
/** For one thing to happen, a minute's silence included; generous, as the machine may build something else meanwhile. */
export const PATIENCE = 100_000;
/** For a whole test, so that it is the thing waited for that is told. */
export const TEST_PATIENCE = 300_000;

/** Why no box can be well here; null where one can. On a disk the day's key would outlive a power-off, which degrades. */
export const needsTmpfs: string | null =
  existsSync(MEMORY) && statfsSync(MEMORY).type === TMPFS ? null : `needs a tmpfs at ${MEMORY}`;

export interface BoxSettings {
  /** Under `uplink`, as in `url: "mqtt://127.0.0.1:1883"`; nothing is sent without. */
  uplink?: string;
  clock?: 'auto' | 'host';
  silentMinutes?: number;
  /** Sensors besides the door counter, each an entry of the list. */
  moreSensors?: string[];
  /** A level of the topic. */
  gateway?: string;
}

export interface RunOptions {
  /** The program to run in place of the product's, to plant a fault. */
  entry?: string;
  env?: NodeJS.ProcessEnv;
}

/** What an operator is told by one command. */
export interface Told {
  code: number | null;
  /** Both streams, white space made one blank: the lines of a screen are broken at 80 columns. */
  words: string;
}

export class LiveBox {
  readonly directory: string;
  readonly settingsPath: string;
  readonly doorPath: string;
  readonly storage: string;
  readonly #runtime: string;
  readonly #timeZone = noonZone();
  readonly #door = { seq: 0, entered: 0 };
  readonly #children: Child[] = [];
  settings: BoxSettings;
  pty: Pty | null = null;
  daemon: Child | null = null;

  /** @param storage where its database is, if not in `directory`. */
  constructor(directory: string, settings: BoxSettings = {}, storage = join(directory, 'data')) {
    mkdirSync(directory, { recursive: true });
    this.directory = directory;
    this.storage = storage;
    this.settingsPath = join(directory, 'footfall.yaml');
    this.doorPath = join(directory, 'door');
    this.#runtime = mkdtempSync(join(MEMORY, 'footfall-box-'));
    this.settings = settings;
    this.write();
  }

  get socketPath(): string {
    return join(this.#runtime, 'footfall.sock');
  }

  get databasePath(): string {
    return join(this.storage, 'footfall.db');
  }

  /** The settings file as it should be. */
  text(): string {
    const { uplink, clock = 'host', silentMinutes = 15, moreSensors = [], gateway = 'shop-1' } = this.settings;
    const door = `{ id: entrance, driver: door-lines, port: ${this.doorPath}, door: main, silent_minutes: ${silentMinutes} }`;
    return `tenant: lab
gateway: ${gateway}
store: { id: shop, time_zone: ${this.#timeZone}, hours: { daily: 24h } }
sensors:
${[door, ...moreSensors].map((sensor) => `  - ${sensor}`).join('\n')}
counting: { window_minutes: 1, grace_seconds: 1 }
storage: { directory: ${this.storage}, commit_seconds: 1, door_commit_seconds: 1 }
runtime_directory: ${this.#runtime}
clock: { source: ${clock} }
${uplink === undefined ? '' : `uplink: { ${uplink}, stagger_seconds: 0 }\n`}`;
  }

  write(text: string = this.text()): void {
    writeFileSync(this.settingsPath, text, { mode: 0o600 });
  }

  /** Starts the daemon and waits until it answers. */
  async start(options: RunOptions = {}): Promise<void> {
    this.pty ??= await Pty.open(this.doorPath);
    const daemon = this.run(options);
    this.daemon = daemon;
    await until(
      'the daemon to answer',
      async () => {
        if (!daemon.running) throw new Error(`footfall run ended:\n${daemon.output}`);
        return this.ask();
      },
      PATIENCE,
      50,
    );
  }

  /** `footfall run`, and nothing waited for. */
  run({ entry = MAIN, env = {} }: RunOptions = {}): Child {
    const words = [entry, 'run', '-s', this.settingsPath];
    const child = new Child('footfall run', process.execPath, words, { env: { ...process.env, ...env } });
    this.#children.push(child);
    return child;
  }

  /** Starts the daemon, waits until it counts, and has the door counter tell its first totals. */
  async startWell(options: RunOptions = {}): Promise<void> {
    await this.start(options);
    await this.whenWell();
    await this.pass(0);
    await this.when('the first totals', ({ sensors: [{ accepted }] }) => accepted > 0);
  }

  /** The status document; null while nobody answers. */
  async ask(): Promise<StatusDocument | null> {
    return (await requestLocal(this.socketPath, 'GET', '/status').catch(() => null)) as StatusDocument | null;
  }

  when(what: string, holds: (status: StatusDocument) => boolean): Promise<StatusDocument> {
    return until(
      what,
      async () => {
        const status = await this.ask();
        return status !== null && holds(status) ? status : null;
      },
      PATIENCE,
      100,
    );
  }

  whenWell(): Promise<StatusDocument> {
    return this.when('counting', ({ verdict }) => verdict.state === 'counting');
  }

  whenReason(code: string): Promise<StatusDocument> {
    return this.when(code, ({ verdict }) => verdict.reasons.some((reason) => reason.code === code));
  }

  /** People who come in, and the line in which the counter tells its totals. */
  async pass(entered: number): Promise<void> {
    const door = this.#door;
    door.seq++;
    door.entered += entered;
    await this.pty?.write(
      doorLine({ boot: 0x0badcafe, seq: door.seq, in: door.entered, out: 0, ms: door.seq * 1_000 }),
    );
  }

  /** Pulls the door counter's plug: the line is hung up and its name is gone. */
  async unplug(): Promise<void> {
    await this.pty?.close();
    this.pty = null;
    for (const left of [this.doorPath, `${this.doorPath}.sock`]) rmSync(left, { force: true });
  }

  async plugIn(): Promise<void> {
    this.pty = await Pty.open(this.doorPath);
  }

  /** `footfall status`, on the screen and as JSON. */
  async status(): Promise<Told & { document: StatusDocument }> {
    const [screen, json] = await Promise.all([
      footfall('status', '--settings', this.settingsPath),
      footfall('status', '--json', '--settings', this.settingsPath),
    ]);
    const wide = screen.output.split('\n').find((line) => [...line].length > 80);
    if (wide !== undefined) throw new Error(`a line is wider than 80 columns: ${wide}`);
    return { code: screen.code, words: oneLine(screen.output), document: JSON.parse(json.output) };
  }

  /** `footfall doctor --json`. Its exit code must be that of its worst finding. */
  async doctor(): Promise<{ code: number | null; findings: Finding[] }> {
    const { code, output } = await footfall('doctor', '--json', '--settings', this.settingsPath);
    const { findings } = JSON.parse(output) as { findings: Finding[] };
    const worst = ['error', 'warning'].find((outcome) => findings.some((finding) => finding.outcome === outcome));
    const expected = worst === 'error' ? 2 : worst === 'warning' ? 1 : 0;
    if (code !== expected)
      throw new Error(`expected footfall doctor to exit with ${expected}, found ${code}:\n${output}`);
    return { code, findings };
  }

  async reload(): Promise<Told> {
    const { code, output } = await footfall('reload', '--settings', this.settingsPath);
    return { code, words: oneLine(output) };
  }

  async close(): Promise<void> {
    for (const child of this.#children) await child.end('SIGKILL');
    await this.pty?.close();
    rmSync(this.#runtime, { recursive: true, force: true });
  }
}

export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/** A time zone in which it is about noon, so that no store day ends in the middle of a test. */
function noonZone(): string {
  const behind = new Date().getUTCHours() - 12;
  return behind === 0 ? 'Etc/GMT' : `Etc/GMT${behind > 0 ? '+' : '-'}${Math.abs(behind)}`;
}
