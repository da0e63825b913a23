import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StateMessage, stateMessage } from '../agent/contract/messages.ts';
import { topicsOf } from '../agent/contract/topics.ts';
import { originsOf } from '../agent/settings/origins.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { LiveBox, needsTmpfs, PATIENCE, TEST_PATIENCE } from './support/live-box.ts';
import { until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';
import { footfall } from './support/shop.ts';

const missing =
  (SOCAT === null ? 'needs socat' : null) ?? (MOSQUITTO === null ? 'needs mosquitto' : null) ?? needsTmpfs;
const topics = topicsOf('lab', 'shop-1');

describe.skipIf(missing !== null)(
  `settings of the centre, over a real broker${missing === null ? '' : ` (${missing})`}`,
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'footfall-remote-'));
    const states: StateMessage[] = [];
    let broker: Broker;
    let centre: MqttClient;
    let box: LiveBox;

    beforeAll(async () => {
      broker = new Broker(scratch, await freePort());
      await broker.start();
      centre = await mqtt.connectAsync(broker.url);
      centre.on('message', (_topic, payload) => states.push(stateMessage.parse(JSON.parse(payload.toString()))));
      await centre.subscribeAsync(topics.state, { qos: 1 });
      box = new LiveBox(join(scratch, 'box'), { uplink: `url: "${broker.url}"` });
      box.write(`${box.text()}locked: [counting.grace_seconds]\n`);
    }, PATIENCE);

    afterAll(async () => {
      await box.close();
      await centre.endAsync(true);
      await broker.kill();
      rmSync(scratch, { recursive: true, force: true });
    });

    const ask = (revision: string, settings: unknown): Promise<unknown> =>
      centre.publishAsync(topics.config, JSON.stringify({ revision, settings }), { qos: 1, retain: true });

    /** What the centre is told of a revision, by a connection that stands, once it holds. */
    const told = (revision: string, holds: (config: NonNullable<StateMessage['config']>) => boolean = () => true) =>
      until(
        `word of revision ${revision}`,
        () => {
          const { config = null, online = false } = states.at(-1) ?? {};
          return online && config?.revision === revision && holds(config) ? config : null;
        },
        PATIENCE,
      );

    /** Value and origin of a key, the line of the file or the revision with it. */
    function origin(key: string): unknown[] {
      const found = originsOf(box.settingsPath, Date.now(), {}).find((each) => each.key === key);
      return [found?.value, found?.layer, ...(found?.revision === undefined ? [] : [found.revision])];
    }

    it(
      'are applied, rejected, kept over a restart, and told with what stands against them',
      async () => {
        await ask('r1', { counting: { visit_gap_seconds: 240, grace_seconds: 5 }, log: { level: 'debug' } });
        await box.start();
        expect(await told('r1')).toEqual({
          ...{ revision: 'r1', state: 'applied', reasons: [], overridden: [] },
          locked: ['counting.grace_seconds'],
        });
        expect(origin('counting.visit_gap_seconds')).toEqual([240, 'remote', 'r1']);
        expect(origin('counting.grace_seconds')).toEqual([1, 'file']);

        await ask('r2', { counting: { visit_gap_seconds: 5 }, uplink: { url: 'mqtt://elsewhere' } });
        const rejected = await told('r2');
        expect(rejected).toMatchObject({
          state: 'rejected',
          reasons: ['"uplink.url" can be set in the settings file only'],
        });
        const screen = await box.status();
        expect(screen.words).toContain(
          'SETTINGS remote revision r2 rejected "uplink.url" can be set in the settings file',
        );
        expect(screen.document.settings.remote).toEqual(rejected);
        expect(origin('counting.visit_gap_seconds')).toEqual([240, 'remote', 'r1']);

        // Nobody says it again: it is the box that remembers.
        await centre.publishAsync(topics.config, '', { qos: 1, retain: true });
        await box.daemon?.end('SIGKILL');
        states.length = 0;
        await box.start();
        expect(await told('r2')).toEqual(rejected);
        const { settings } = await box.when('an answer', () => true);
        expect(settings.remote).toEqual(rejected);
        expect(origin('log.level')).toEqual(['debug', 'remote', 'r1']);

        const words = ['config', 'override', 'log.level', '--settings', box.settingsPath];
        const overridden = await footfall(...words, 'warn', '--for', '1h');
        expect(overridden.code).toBe(0);
        await ask('r3', { log: { level: 'info' } });
        expect(await told('r3')).toMatchObject({ state: 'applied', overridden: ['log.level'], locked: [] });
        expect(origin('log.level')).toEqual(['warn', 'override']);
        await footfall(...words, '--clear');
        await told('r3', (config) => config.overridden.length === 0);
        expect(origin('log.level')).toEqual(['info', 'remote', 'r3']);
        expect(origin('counting.visit_gap_seconds')).toEqual([300, 'default']);
      },
      TEST_PATIENCE,
    );
  },
);
