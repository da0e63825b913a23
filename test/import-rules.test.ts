import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const IMPORTS = 'lint/style/noRestrictedImports';
const GLOBALS = 'lint/style/noRestrictedGlobals';
const PLUGIN = 'plugin';

interface ImportRule {
  /** The file that imports. */
  from: string;
  may: string[];
  mayNot: string[];
}

const RULES: ImportRule[] = [
  ...['clock', 'errors', 'raw', 'readings', 'synced', 'version'].map((name) => ({
    from: `agent/${name}.ts`,
    may: ['node:util'],
    mayNot: ['./errors.ts', './daemon.ts', './privacy/boundary.ts', '../drivers/driver.ts'],
  })),
  {
    from: 'agent/main.ts',
    may: ['node:module', './cli/command.ts'],
    mayNot: ['./daemon.ts', './errors.ts', './raw.ts', './storage/client.ts', '../drivers/registry.ts'],
  },
  ...['daemon', 'pipeline'].map((name) => ({
    from: `agent/${name}.ts`,
    may: ['./analytics/fold.ts', './storage/client.ts', './uplink/uplink.ts', '../drivers/registry.ts'],
    mayNot: ['./raw.ts'],
  })),
  {
    from: 'agent/analytics/visits.ts',
    may: ['./windows.ts', './parts/deep.ts', '../readings.ts', 'luxon'],
    mayNot: [
      '../errors.ts',
      '../clock.ts',
      '../raw.ts',
      '../storage/storage.ts',
      '../contract/batch.ts',
      'zod',
      'node:fs',
    ],
  },
  {
    from: 'agent/contract/batch.ts',
    may: ['./records.ts', '../errors.ts', 'zod'],
    mayNot: ['../analytics/records.ts', '../readings.ts', '../uplink/port.ts', '../raw.ts', 'mqtt', 'node:fs'],
  },
  {
    from: 'agent/privacy/boundary.ts',
    may: ['./keys.ts', '../raw.ts', '../readings.ts', '../errors.ts', 'node:crypto'],
    mayNot: ['../storage/storage.ts', '../analytics/fold.ts', '../clock.ts', '../../drivers/driver.ts'],
  },
  {
    from: 'agent/storage/client.ts',
    may: ['./storage.ts', '../errors.ts', '../readings.ts', '../synced.ts', 'better-sqlite3', 'node:worker_threads'],
    mayNot: ['../uplink/port.ts', '../clock.ts', '../raw.ts', '../contract/batch.ts', '../analytics/records.ts'],
  },
  ...['uplink', 'collector'].map((name) => ({
    from: `agent/${name}/session.ts`,
    may: ['./port.ts', '../contract/batch.ts', '../mqtt/link.ts', '../clock.ts', '../errors.ts'],
    mayNot: ['../storage/storage.ts', '../raw.ts', '../readings.ts', '../analytics/records.ts', '../daemon.ts'],
  })),
  { from: 'agent/uplink/sender.ts', may: [], mayNot: ['../collector/collector.ts'] },
  { from: 'agent/collector/collector.ts', may: [], mayNot: ['../uplink/sender.ts'] },
  {
    from: 'agent/mqtt/link.ts',
    may: ['./session.ts', '../clock.ts', '../errors.ts', 'mqtt'],
    mayNot: ['../uplink/port.ts', '../contract/topics.ts'],
  },
  {
    from: 'agent/local/server.ts',
    may: ['./document.ts', '../clock.ts', '../errors.ts', '../socket-path.ts', '../uplink/port.ts', 'node:http'],
    mayNot: ['../uplink/uplink.ts', '../storage/storage.ts', '../raw.ts', '../daemon.ts', '../settings/settings.ts'],
  },
  {
    from: 'agent/settings/load.ts',
    may: ['./schema.ts', '../errors.ts', '../analytics/parameters.ts', 'yaml', 'zod'],
    mayNot: ['../analytics/fold.ts', '../raw.ts', '../local/document.ts', '../../drivers/registry.ts'],
  },
  {
    from: 'agent/platform/clock.ts',
    may: ['./loop.ts', '../clock.ts', '../errors.ts', 'node:timers'],
    mayNot: ['../storage/storage.ts', '../raw.ts', '../daemon.ts', '../settings/settings.ts'],
  },
  {
    from: 'agent/cli/status.ts',
    may: ['./view/table.ts', '../local/client.ts', '../settings/load.ts', '../errors.ts', '../platform/clock.ts'],
    mayNot: [
      '../storage/client.ts',
      '../uplink/port.ts',
      '../analytics/fold.ts',
      '../raw.ts',
      '../privacy/boundary.ts',
    ],
  },
  {
    from: 'agent/cli/run.ts',
    may: ['../run.ts', '../collector/collector.ts', 'commander'],
    mayNot: ['../daemon.ts', '../storage/client.ts', '../../drivers/registry.ts', '../pipeline.ts'],
  },
  ...['setup', 'support-bundle'].map((verb) => ({
    from: `agent/cli/${verb}/flow.ts`,
    may: ['./part.ts', '../socket.ts', '../../doctor/examine.ts', '../../local/client.ts', '../../settings/load.ts'],
    mayNot: ['../../daemon.ts', '../../storage/inspect.ts', '../../raw.ts', '../../../drivers/registry.ts'],
  })),
  {
    from: 'agent/cli/buffer/letters.ts',
    may: ['./choose.ts', '../socket.ts', '../../local/client.ts', '../../settings/load.ts', '../../storage/inspect.ts'],
    mayNot: ['../../storage/client.ts', '../../uplink/uplink.ts', '../../daemon.ts', '../../raw.ts'],
  },
  {
    from: 'agent/cli/sensors/detect.ts',
    may: [
      './part.ts',
      '../socket.ts',
      '../../doctor/ports.ts',
      '../../local/client.ts',
      '../../../drivers/registry.ts',
    ],
    mayNot: ['../../daemon.ts', '../../storage/client.ts', '../../raw.ts', '../../privacy/boundary.ts'],
  },
  {
    from: 'agent/cli/fleet/fleet.ts',
    may: [
      './gateway.ts',
      '../view/format.ts',
      '../../uplink/uplink.ts',
      '../../contract/batch.ts',
      '../../mqtt/session.ts',
    ],
    mayNot: ['../../daemon.ts', '../../storage/storage.ts', '../../raw.ts', '../../collector/collector.ts'],
  },
  {
    from: 'agent/doctor/examine.ts',
    may: ['./finding.ts', '../mqtt/session.ts', '../contract/probe.ts', '../settings/load.ts', '../storage/inspect.ts'],
    mayNot: ['../storage/client.ts', '../uplink/uplink.ts', '../daemon.ts', '../raw.ts', '../../drivers/registry.ts'],
  },
  {
    from: 'agent/cli/view/table.ts',
    may: ['./colour.ts', '../status.ts', '../../local/document.ts', '../../errors.ts', '../../analytics/records.ts'],
    mayNot: [
      '../../daemon.ts',
      '../../analytics/fold.ts',
      '../../storage/client.ts',
      '../../raw.ts',
      '../../../drivers/driver.ts',
    ],
  },
  ...['radio', 'record', 'replay', 'sensors', 'simulate'].map((verb) => ({
    from: `agent/cli/${verb}.ts`,
    may: ['../replay.ts', '../analytics/fold.ts', '../../drivers/registry.ts', '../local/client.ts'],
    mayNot: ['../storage/client.ts', '../uplink/uplink.ts', '../raw.ts'],
  })),
  {
    from: 'agent/cli/contract.ts',
    may: ['../contract/catalogue.ts', '../errors.ts', './view/table.ts', 'commander'],
    mayNot: ['../uplink/uplink.ts', '../storage/client.ts', '../analytics/records.ts', '../daemon.ts', '../raw.ts'],
  },
  ...['demo.ts', 'demo-store.ts'].map((verb) => ({
    from: `agent/cli/${verb}`,
    may: ['../daemon.ts', '../storage/client.ts', '../uplink/uplink.ts', '../../drivers/simulator/store.ts'],
    mayNot: ['../raw.ts'],
  })),
  {
    from: 'drivers/registry.ts',
    may: ['./wifi/lines.ts', '../agent/raw.ts', '../agent/readings.ts', '../agent/clock.ts', '../agent/errors.ts'],
    mayNot: ['../agent/privacy/boundary.ts', '../agent/analytics/parameters.ts', '../agent/daemon.ts'],
  },
  {
    from: 'drivers/wifi/pcap.ts',
    may: [
      './frame.ts',
      '../driver.ts',
      '../../agent/raw.ts',
      '../../agent/readings.ts',
      '../../agent/socket-path.ts',
      'node:buffer',
    ],
    mayNot: ['../../agent/privacy/boundary.ts', '../../agent/storage/storage.ts', '../../scripts/bench/main.ts'],
  },
  {
    from: 'drivers/simulator/encode/pcap.ts',
    may: ['./radiotap.ts', '../random.ts', '../../driver.ts', '../../../agent/readings.ts'],
    mayNot: ['../../../agent/analytics/fold.ts', '../../../agent/local/document.ts'],
  },
  {
    from: 'scripts/bench/main.ts',
    may: ['../../agent/daemon.ts', '../../drivers/registry.ts'],
    mayNot: ['../../agent/raw.ts'],
  },
  {
    from: 'agent/storage/client.test.ts',
    may: ['../raw.ts', '../uplink/port.ts', '../../drivers/registry.ts'],
    mayNot: [],
  },
  // Product code that is named after the fixtures of a store, not of a test.
  { from: 'agent/analytics/fixtures.ts', may: ['../readings.ts'], mayNot: ['../storage/storage.ts'] },
  { from: 'test/crash.test.ts', may: ['../agent/raw.ts', '../agent/storage/client.ts'], mayNot: [] },
];

/** Every spelling of an import must be seen, not the plainest alone. */
const SPELLINGS: [text: string, rule: string][] = [
  ["import type { Outbox } from '../uplink/port.ts';", IMPORTS],
  ["import '../uplink/port.ts';", IMPORTS],
  ["export * from '../uplink/port.ts';", IMPORTS],
  ["export type { Outbox } from '../uplink/port.ts';", IMPORTS],
  ["export const late = await import('../uplink/port.ts');", IMPORTS],
  ["export type Inline = import('../uplink/port.ts').Outbox;", PLUGIN],
  ["import '../errors/../uplink/port.ts';", PLUGIN],
  ["import './../uplink/port.ts';", PLUGIN],
  ["import './parts/../../uplink/port.ts';", PLUGIN],
  ["import './samples.testing.ts';", PLUGIN],
  ["import './fixtures/samples.ts';", PLUGIN],
];

const CLOCK_READINGS: [text: string, rule: string][] = [
  ['export const a = Date.now();', PLUGIN],
  ['export const b = Date.now;', PLUGIN],
  ['export const c = new Date();', PLUGIN],
  ['export const d = process.hrtime.bigint();', PLUGIN],
  ["import { setTimeout as later } from 'node:timers/promises';", PLUGIN],
  ["import { performance as watch } from 'node:perf_hooks';", PLUGIN],
  ['export const e = performance.now();', GLOBALS],
  ['setTimeout(() => {}, 1);', GLOBALS],
  ['setInterval(() => {}, 1);', GLOBALS],
  ['setImmediate(() => {});', GLOBALS],
];
const CLOCKLESS = ['analytics', 'collector', 'contract', 'doctor', 'local', 'privacy', 'settings', 'storage', 'uplink'];

let tree: string;
/** `path:line` -> the rules that object to that line. */
let objections: Map<string, string[]>;

function plant(path: string, lines: string[]): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true });
  writeFileSync(join(tree, path), `${lines.join('\n')}\n`);
}

function objectionsTo(path: string, line: number): string[] {
  return objections.get(`${path}:${line}`) ?? [];
}

interface Finding {
  code?: { value: string };
  location: { path: string; range?: { start: { line: number } } };
}

/** Lints the tree with the linter and the settings of this checkout. */
function lint(): Map<string, string[]> {
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const report = join(tree, 'report.json');
  const options = ['lint', '--reporter=rdjson', `--reporter-file=${report}`, '--max-diagnostics=none'];
  try {
    execFileSync(process.execPath, [biome, ...options], { cwd: tree, stdio: 'pipe' });
  } catch {
    // Violations were planted, so it exits with 1; a linter that did not run leaves no report.
  }
  const { diagnostics } = JSON.parse(readFileSync(report, 'utf8')) as { diagnostics: Finding[] };
  const found = new Map<string, string[]>();
  for (const { code, location } of diagnostics) {
    const key = `${location.path}:${location.range?.start.line}`;
    found.set(key, [...(found.get(key) ?? []), code?.value ?? '']);
  }
  return found;
}

const importLine = (target: string) => `import '${target}';`;
const foldersOfAgent = readdirSync(join(ROOT, 'agent'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'footfall-import-rules-'));
  for (const path of ['biome.json', '.gitignore', 'scripts/lint']) {
    cpSync(join(ROOT, path), join(tree, path), { recursive: true });
  }
  for (const { from, may, mayNot } of RULES) plant(from, [...may, ...mayNot].map(importLine));
  for (const [n, [text]] of SPELLINGS.entries()) plant(`agent/storage/spelling-${n}.ts`, [text]);
  for (const folder of foldersOfAgent) plant(`agent/${folder}/planted.ts`, [importLine('../../scripts/bench/main.ts')]);
  const readings = CLOCK_READINGS.map(([text]) => text);
  for (const folder of [...CLOCKLESS, 'cli', 'platform']) plant(`agent/${folder}/clock-reading.ts`, readings);
  plant('drivers/door/clock-reading.ts', readings);
  plant('agent/storage/written-time.ts', ['export const at = (ms: number) => new Date(ms).toISOString();']);
  objections = lint();
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

describe('the import rules', () => {
  it.each(RULES)('let $from import what it may and nothing else', ({ from, may, mayNot }) => {
    const imports = [...may, ...mayNot];
    const refused = imports.filter((_, n) =>
      objectionsTo(from, n + 1).some((rule) => rule === IMPORTS || rule === PLUGIN),
    );
    expect(refused).toEqual(mayNot);
  });

  it.each(SPELLINGS.map(([text, rule], n) => ({ text, rule, n })))('see $text', ({ rule, n }) => {
    expect(objectionsTo(`agent/storage/spelling-${n}.ts`, 1)).toContain(rule);
  });

  it.each(foldersOfAgent)('cover agent/%s', (folder) => {
    expect(objectionsTo(`agent/${folder}/planted.ts`, 1)).toContain(IMPORTS);
  });

  it('are switched off nowhere', () => {
    const sources = globSync(['agent/**/*.ts', 'drivers/**/*.ts'], { cwd: ROOT });
    const suppression = /biome-ignore(?:-all|-start)?\s+(?:lint(?::|\/style(?::|\/noRestricted)|\/plugin)|plugin)/;
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((path) => suppression.test(readFileSync(join(ROOT, path), 'utf8')))).toEqual([]);
  });
});

describe('time', () => {
  it.each([...CLOCKLESS.map((folder) => `agent/${folder}`), 'drivers/door'])('is an input of %s', (folder) => {
    const missed = CLOCK_READINGS.filter(
      ([, rule], n) => !objectionsTo(`${folder}/clock-reading.ts`, n + 1).includes(rule),
    );
    expect(missed).toEqual([]);
  });

  it.each(['agent/cli', 'agent/platform'])('may be read in %s', (folder) => {
    const refused = CLOCK_READINGS.filter(([, rule], n) =>
      objectionsTo(`${folder}/clock-reading.ts`, n + 1).includes(rule),
    );
    expect(refused).toEqual([]);
  });

  it('may be written by anyone', () => {
    expect(objectionsTo('agent/storage/written-time.ts', 1)).toEqual([]);
  });
});
