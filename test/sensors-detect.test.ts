/**
 * `footfall sensors detect` as a process on a pseudo-terminal. That has no speed of its own, so the device on its other
 * end looks at which one the command has set, and garbles what it says at another as a UART would.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '../agent/settings/load.ts';
import { transcode } from '../drivers/detect/uart.testing.ts';
import { Agenda } from '../drivers/simulator/agenda.ts';
import { AirFrame } from '../drivers/simulator/air-frame.ts';
import { AIR_FORMATS, DOOR_FORMATS } from '../drivers/simulator/formats.ts';
import { Random } from '../drivers/simulator/random.ts';
import { MAIN } from './support/gateway.ts';
import { Child, findProgram, until } from './support/processes.ts';

const SOCAT = findProgram('socat');
const STTY = findProgram('stty');
const missing = SOCAT === null ? 'socat' : STTY === null ? 'stty' : null;
const note = missing === null ? '' : ` (skipped: ${missing} is not installed)`;
const PATIENCE_MS = 90_000;
const nobody = { address: () => undefined, ssid: () => undefined };

let directory: string;
let near: string;
let socat: Child;
let device: PtyDevice | undefined;

beforeEach(async () => {
  if (SOCAT === null) return;
  directory = mkdtempSync(join(tmpdir(), 'sensors-detect-'));
  near = join(directory, 'near');
  const far = join(directory, 'far');
  socat = new Child('socat', SOCAT, [`pty,raw,echo=0,link=${near}`, `pty,raw,echo=0,link=${far}`]);
  await until('the terminals', () => existsSync(near) && existsSync(far));
});

afterEach(async () => {
  if (SOCAT === null) return;
  device?.close();
  device = undefined;
  await socat.end();
  rmSync(directory, { recursive: true });
});

/** Something on the other end that is set to one speed. */
class PtyDevice {
  readonly agenda = new Agenda(Date.now());
  receive: (bytes: Uint8Array) => void = () => undefined;
  readonly #fd: number;
  readonly #baudRate: number;
  readonly #timer: NodeJS.Timeout;
  readonly #chunk = Buffer.alloc(4_096);
  #theirs = 0;
  #askedAt = 0;

  constructor(far: string, baudRate: number) {
    this.#fd = openSync(far, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    this.#baudRate = baudRate;
    this.#timer = setInterval(() => this.#live(), 10);
  }

  readonly wire = (bytes: Uint8Array): boolean => {
    this.#look();
    writeSync(this.#fd, transcode(bytes, { baudRate: this.#baudRate }, { baudRate: this.#theirs }));
    return true;
  };

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }

  #live(): void {
    try {
      const count = readSync(this.#fd, this.#chunk);
      this.#look();
      const heard = this.#chunk.subarray(0, count);
      this.receive(transcode(heard, { baudRate: this.#theirs }, { baudRate: this.#baudRate }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    this.agenda.run(Date.now());
  }

  /** The speed that the command has set. */
  #look(): void {
    if (performance.now() - this.#askedAt < 40) return;
    this.#askedAt = performance.now();
    const { stdout } = spawnSync(STTY ?? '', ['-F', near, 'speed'], { encoding: 'utf8' });
    this.#theirs = Number(stdout.trim()) || 9_600;
  }
}

interface Told {
  ports: {
    port: string;
    state: string;
    found: { driver: string; baud: number; unit: number | null; confidence: string; settings: string }[];
  }[];
}

async function detect(...words: string[]): Promise<{ code: number | null; told: Told; output: string }> {
  const command = new Child('detect', process.execPath, [MAIN, 'sensors', 'detect', near, '--json', ...words]);
  const { code } = await command.ended;
  const { output } = command;
  return { code, told: output.startsWith('{') ? (JSON.parse(output) as Told) : { ports: [] }, output };
}

describe.skipIf(missing !== null)(`sensors detect, the command${note}`, () => {
  it(
    'finds a sniffer at its speed, and what it tells to write is a valid sensor',
    async () => {
      device = new PtyDevice(join(directory, 'far'), 9_600);
      const { agenda, wire } = device;
      const random = new Random(1);
      const sensor = { id: 'sensor', driver: 'wifi-lines' };
      const format = AIR_FORMATS['wifi-lines']({ sensor, random, secrets: nobody });
      const sent: string[] = [];
      const speak = (): void => {
        const address = Uint8Array.from({ length: 6 }, () => random.integer(0, 255));
        address[0] = (address[0] & 0xfc) | 2;
        sent.push(Buffer.from(address).toString('hex'));
        const request = { address, sequence: 1, model: 1, ssid: 'My Home', dsChannel: 6, variation: random.next() };
        wire(format.frame(agenda.now, new AirFrame(request), -60));
        agenda.at(agenda.now + 100, speak);
      };
      speak();
      const { code, told, output } = await detect('--seconds', '1');
      expect({ code, ports: told.ports }, output).toMatchObject({
        code: 0,
        ports: [{ port: near, state: 'found', found: [{ driver: 'wifi-lines', baud: 9_600 }] }],
      });
      expect(told.ports[0].found[0].confidence).toBe('certain');
      const plain = output.toLowerCase().replaceAll(':', '');
      expect(sent.filter((address) => plain.includes(address))).toEqual([]);
      expect(output).not.toContain('My Home');

      const settings = join(directory, 'footfall.yaml');
      const store = 'store: { id: s, time_zone: UTC, hours: { daily: 24h } }';
      writeFileSync(settings, `tenant: a\ngateway: g\n${store}\nsensors:\n${told.ports[0].found[0].settings}`);
      const [loaded] = loadSettings(settings).sensors;
      expect(loaded).toMatchObject({ driver: 'wifi-lines', port: near, baud: 9_600 });
    },
    PATIENCE_MS,
  );

  it(
    'asks a counter that is silent until it is asked',
    async () => {
      device = new PtyDevice(join(directory, 'far'), 9_600);
      const { agenda, wire } = device;
      const sensor = { id: 'sensor', driver: 'door-hpc168', unit: 2 };
      const format = DOOR_FORMATS['door-hpc168']({ sensor, agenda, random: new Random(1), wire });
      format.boot();
      format.counted({ in: 70_000, out: 65_535 }, true);
      device.receive = (bytes) => format.receive?.(bytes);
      const { code, told, output } = await detect('--seconds', '0.5');
      expect({ code, ports: told.ports }, output).toMatchObject({
        code: 0,
        ports: [{ found: [{ driver: 'door-hpc168', unit: 2, sample: { totals: { in: 70_000, out: 65_535 } } }] }],
      });
    },
    PATIENCE_MS,
  );

  it('tells a port that is not there with exit code 2', async () => {
    near = join(directory, 'nowhere');
    const { code, told } = await detect();
    expect({ code, ports: told.ports }).toMatchObject({ code: 2, ports: [{ state: 'failed', port: near }] });
  });

  it(
    'closes the port and ends with 130 on Ctrl-C',
    async () => {
      const command = new Child('detect', process.execPath, [MAIN, 'sensors', 'detect', near]);
      const stat = () => spawnSync('sh', ['-c', `ls -l /proc/${command.pid}/fd`], { encoding: 'utf8' }).stdout;
      await until('the port is open', () => stat().includes('/dev/pts/'));
      command.process.kill('SIGINT');
      expect((await command.ended).code, command.output).toBe(130);
    },
    PATIENCE_MS,
  );
});
