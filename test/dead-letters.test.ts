import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GapMessage, gapMessage } from '../agent/contract/gap.ts';
import { encodeMessage } from '../agent/contract/messages.ts';
import { topicsOf } from '../agent/contract/topics.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { Gateway } from './support/gateway.ts';
import { until } from './support/processes.ts';
import { Pty, SOCAT } from './support/pty.ts';
import { footfall } from './support/shop.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? (MOSQUITTO === null ? 'needs mosquitto' : null);
const topics = topicsOf('lab', 'room-1');
const START = Date.parse('2026-03-02T09:00:00Z');
const WINDOW = 15 * 60_000;
/** Generous: a machine that builds something else at the same time must not fail this. */
const PATIENCE = 60_000;
const TEST_PATIENCE = 180_000;

/** A collector that rejects what it is told to, and keeps the bytes of all else. */
class Centre {
  readonly stored = new Map<number, string>();
  readonly rejects = new Map<number, string>();
  readonly seen = new Map<number, string>();
  epoch = '';
  readonly #client: MqttClient;

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (_topic, payload) => this.#take(payload.toString()));
  }

  static async join(url: string): Promise<Centre> {
    const centre = new Centre(await mqtt.connectAsync(url));
    await centre.#client.subscribeAsync(topics.batch, { qos: 1 });
    return centre;
  }

  get gaps(): GapMessage[] {
    const all = [...this.stored.values()].map((body) => JSON.parse(body) as { type?: string });
    return all.flatMap((message) => (message.type === 'footfall.gap.v1' ? [gapMessage.parse(message)] : []));
  }

  #take(body: string): void {
    const { data } = JSON.parse(body) as { data: { epoch: string; sequence: number } };
    const { epoch, sequence } = data;
    this.epoch = epoch;
    this.seen.set(sequence, body);
    const code = this.rejects.get(sequence);
    if (code === undefined) this.stored.set(sequence, body);
    const rejected =
      code === undefined ? [] : [{ seq: sequence, code, message: 'expected people, found \u001b[31mcats' }];
    const ack = { epoch, ok: code === undefined ? [sequence] : [], rejected };
    this.#client.publish(topics.ack, Buffer.from(encodeMessage(ack)), { qos: 1 });
  }

  end(): Promise<void> {
    return this.#client.endAsync(true);
  }
}

describe.skipIf(missing !== null)(
  `batches that the collector rejects, with a real daemon and broker${missing === null ? '' : ` (${missing})`}`,
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'footfall-dead-'));
    let broker: Broker;
    let centre: Centre;
    let gateway: Gateway;
    let ptys: Pty[] = [];
    let now = START;

    beforeAll(async () => {
      broker = new Broker(scratch, await freePort());
      await broker.start();
      centre = await Centre.join(broker.url);
      ptys = [await Pty.open(join(scratch, 'wifi')), await Pty.open(join(scratch, 'door'))];
      const [wifi, door] = ptys;
      gateway = new Gateway({
        ...{ directory: join(scratch, 'box'), brokerUrl: broker.url },
        ...{ wifiPort: wifi.path, doorPort: door.path },
      });
      for (const sequence of [2, 3, 4]) centre.rejects.set(sequence, 'schema');
      await gateway.start(now);
    }, TEST_PATIENCE);

    afterAll(async () => {
      await gateway.end('SIGKILL');
      for (const pty of ptys) await pty.close();
      await centre.end();
      await broker.kill();
      rmSync(scratch, { recursive: true, force: true });
    });

    /** Seals windows. */
    async function pass(windows: number): Promise<void> {
      now += windows * WINDOW;
      await gateway.advance(now + 60_000);
    }
    const held = (dead: number) =>
      until(
        `${dead} dead letters and nothing else held`,
        async () => {
          const { buffer } = await gateway.status();
          return buffer.dead_letters === dead && buffer.held === 0 ? buffer : null;
        },
        PATIENCE,
        50,
      );
    const buffer = (...words: string[]) => footfall('buffer', ...words, '--settings', gateway.settingsPath);

    it(
      'are shown, exported, sent again and then stored, dropped and then told by a gap record',
      async () => {
        await pass(4);
        await held(3);
        const { verdict } = await gateway.status();
        expect(verdict.reasons).toContainEqual(
          expect.objectContaining({
            code: 'batches_rejected',
            message: '3 batches were rejected by the collector, or found damaged.',
            hint: expect.stringContaining('footfall buffer list'),
          }),
        );

        const listed = await buffer('list');
        expect(listed.output).toMatch(/^ +2 +10:30 .* schema +expected people, found +\[31mcats$/m);
        expect(listed.output).not.toContain('\u001b');
        const { dead_letters: letters } = JSON.parse((await buffer('list', '--json')).output) as {
          dead_letters: object[];
        };
        expect(letters).toMatchObject([
          { sequence: 2, epoch: centre.epoch, window: 2, code: 'schema' },
          { sequence: 3 },
          { sequence: 4 },
        ]);
        expect((await buffer()).output).toMatch(/^HELD +nothing · 0 B of 256 MiB .*\n(?:.*\n)*DEAD LETTERS +3, see/m);

        const folder = join(scratch, 'letters');
        expect(await buffer('export', '--all', '--to', folder)).toMatchObject({ code: 0 });
        expect(readdirSync(folder)).toHaveLength(3);
        for (const sequence of [2, 3, 4]) {
          const file = join(folder, `${centre.epoch}-${sequence}.json`);
          expect(readFileSync(file, 'utf8')).toBe(centre.seen.get(sequence));
          expect(statSync(file).mode & 0o777).toBe(0o600);
        }
        const lines = (await buffer('export', '3', '--to', '-')).output.split('\n');
        expect(lines).toContain(centre.seen.get(3));

        expect(await buffer('resend', '2', '99')).toMatchObject({ code: 1, errors: expect.stringContaining('99') });
        expect((await gateway.status()).buffer.dead_letters).toBe(3);

        // The collector is mended.
        centre.rejects.delete(2);
        expect(await buffer('resend', '2')).toMatchObject({ code: 0 });
        await held(2);
        expect(centre.stored.get(2)).toBe(centre.seen.get(2));

        expect(await buffer('drop', '3')).toMatchObject({ code: 64, errors: expect.stringContaining('--yes') });
        expect(await buffer('drop', '3', '4', '--yes')).toMatchObject({ code: 0 });
        expect(await held(0)).toMatchObject({ dropped: 2, dropped_untold: { operator: 2 } });
        expect((await buffer()).output).toMatch(/^GAPS TO TELL +2 dropped by hand$/m);
        // The next window finds the gap, the one behind it tells.
        await pass(2);
        await until('the gap record', () => centre.gaps.length > 0, PATIENCE);
        expect(centre.gaps[0].data.ranges).toEqual([
          { epoch: centre.epoch, from_seq: 3, to_seq: 4, reason: 'operator' },
        ]);
        await held(0);
        expect([...centre.stored.keys()].sort((a, b) => a - b)).toEqual([1, 2, 5, 6, 7]);
        const settled = await until(
          'the gap to be settled',
          async () => {
            const status = await gateway.status();
            return Object.keys(status.buffer.dropped_untold).length === 0 ? status : null;
          },
          PATIENCE,
        );
        expect(settled.verdict.reasons.map(({ code }) => code)).not.toContain('batches_dropped');
      },
      TEST_PATIENCE,
    );

    it(
      'are listed and exported while no daemon runs, and changed only by one',
      async () => {
        centre.rejects.set(8, 'schema');
        await pass(1);
        await held(1);
        await gateway.end('SIGTERM');
        expect(await buffer('list')).toMatchObject({ code: 0, output: expect.stringMatching(/^ +8 .* schema/m) });
        const lines = (await buffer('export', '--all', '--to', '-')).output.split('\n');
        expect(lines).toContain(centre.seen.get(8));
        expect((await buffer()).output).toContain('No daemon answers');
        for (const words of [
          ['resend', '8'],
          ['drop', '8', '--yes'],
        ]) {
          expect(await buffer(...words)).toMatchObject({ code: 3, errors: expect.stringContaining('no daemon') });
        }
      },
      TEST_PATIENCE,
    );
  },
);
