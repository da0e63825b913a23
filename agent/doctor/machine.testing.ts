/** Machines prepared for tests: a tree of files under a root of its own, scripted programs, users and devices. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AgentError } from '../errors.ts';
import { readIdentity } from '../mqtt/certificates.ts';
import { VirtualClock } from '../platform/clock.ts';
import { checkSettings } from '../settings/load.ts';
import type { DoctorDeps, DoctorOptions } from './context.ts';
import { examine } from './examine.ts';
import type { Chapter, Finding } from './finding.ts';
import { type FileFacts, filesUnder, type Machine, type ProgramResult } from './machine.ts';

/** 2026-12-01 09:00 UTC. */
export const NOW = Date.UTC(2026, 11, 1, 9);
export const SETTINGS_PATH = '/etc/footfall/footfall.yaml';

/** A certificate of a test authority, good from 2026-11-22 to 2027-11-22. */
export const AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIUeG+5bLDFARnQ4zrpuWECfbE8FecwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwHhcNMjYxMTIyMDc0MDMxWhcNMjcx
MTIyMDc0MDMxWjAZMRcwFQYDVQQDDA5UZXN0IGF1dGhvcml0eTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABMq5qhksF7CC9W9CH+w8KZzwiwZEUf9mz364w0MjEwMK
1REsC4NKvaJkwFxiIdASMcqydXiHgCR+BtsOaLBUiUGjUzBRMB0GA1UdDgQWBBT/
GNg9xKzgoP8ERvUKVFao9fGPEjAfBgNVHSMEGDAWgBT/GNg9xKzgoP8ERvUKVFao
9fGPEjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDVTiiFqm1XI
B9PXUE2YXGULNsybPKTcvJy32ulF9ESPAiAkEquzBwdGraWGXmwdfUInDe+H6h4V
WawAOJysKR1l/Q==
-----END CERTIFICATE-----
`;

export interface Preparation {
  /** Contents by absolute path. */
  files?: Record<string, string>;
  /** Targets by absolute path; relative ones lead somewhere in the tree. */
  links?: Record<string, string>;
  directories?: string[];
  /** What stat(2) tells in place of the tree's own: without it everything is root's, 0644 or 0755. */
  facts?: Record<string, Partial<FileFacts>>;
  /** Paths that this user may not read. */
  denied?: string[];
  /** Results by the first words of the command. */
  programs?: Record<string, Partial<ProgramResult>>;
  machine?: Partial<Pick<Machine, 'nodeVersion' | 'architecture' | 'user' | 'statfs'>>;
  /** How long each write and sync takes. */
  syncMs?: number;
  deps?: Partial<DoctorDeps>;
  nowMs?: number;
}

/** All findings of one chapter on a machine so prepared. */
export async function findingsOf(
  chapter: Chapter,
  prepared: Preparation,
  options: DoctorOptions = {},
): Promise<Finding[]> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-')));
  try {
    const findings: Finding[] = [];
    for await (const finding of examine({ ...options, chapters: [chapter] }, depsOf(root, prepared)))
      findings.push(finding);
    return findings;
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The one finding of a check. */
export function only(findings: readonly Finding[], check: string, subject?: string): Finding | undefined {
  const found = findings.filter((each) => each.check === check && (subject === undefined || each.subject === subject));
  if (found.length > 1) throw new Error(`${found.length} findings of ${check}`);
  return found[0];
}

export function depsOf(root: string, prepared: Preparation): DoctorDeps {
  const clock = new VirtualClock(prepared.nowMs ?? NOW);
  const machine = plant(root, prepared, clock);
  return {
    machine,
    clock,
    askDaemon: async () => {
      throw new AgentError(
        'daemon_not_running',
        'no daemon on /run/footfall/footfall.sock: nobody answers',
        'Start it.',
      );
    },
    loadEffective: async (path) => {
      const text = await machine.readFile(path);
      const checked = checkSettings(text);
      if (!('settings' in checked)) throw new AgentError('settings_invalid', 'broken');
      const { settings } = checked;
      return {
        settings,
        path,
        text,
        source: 'file',
        mistakes: [],
        overrides: [],
        remote: null,
        notes: [],
        loadedMs: NOW,
      };
    },
    lastKnown: async () => null,
    checkDatabase: async () => ({ error: { code: 'database_missing', message: 'there is none', hint: '' } }),
    readIdentity: (certFile, keyFile) => readIdentity(join(root, certFile), join(root, keyFile)),
    checkBroker: async function* () {},
    readPassword: () => undefined,
    clockTrust: async () => 'synchronised',
    loadModule: async () => ({ loads: true }),
    ...prepared.deps,
  };
}

function plant(root: string, prepared: Preparation, clock: VirtualClock): Machine {
  const { files = {}, links = {}, directories = [], facts = {}, denied = [], programs = {}, syncMs = 1 } = prepared;
  const within = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(within(path), content);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, within(path));
  for (const path of directories) mkdirSync(join(root, path), { recursive: true });

  const real = filesUnder(root);
  const guard =
    <T>(read: (path: string) => Promise<T>) =>
    async (path: string) => {
      if (denied.includes(path)) throw Object.assign(new Error(`EACCES: ${path}`), { code: 'EACCES' });
      return read(path);
    };
  return {
    nodeVersion: '24.21.0',
    nodePath: '/usr/bin/node',
    architecture: 'arm64',
    user: { uid: 0, gids: [0] },
    ...real,
    readFile: guard(real.readFile),
    readdir: guard(real.readdir),
    stat: guard(async (path) => {
      const found = await real.stat(path);
      const mode = found.kind === 'directory' ? 0o755 : 0o644;
      return { ...found, uid: 0, gid: 0, mode, heldBy: '0:1', ...facts[await real.realpath(path)] };
    }),
    statfs: async () => ({ freeBytes: 20e9, totalBytes: 32e9 }),
    scratch: async () => ({
      writeAndSync: () => clock.advanceTo(clock.monotonic() + syncMs),
      remove: async () => {},
    }),
    run: async (program, words) => {
      const line = [program, ...words].join(' ');
      const key = Object.keys(programs).find((each) => line.startsWith(each));
      const missing: ProgramResult = { code: null, out: '', err: '', failure: 'missing' };
      return key === undefined ? missing : { code: 0, out: '', err: '', failure: null, ...programs[key] };
    },
    ...prepared.machine,
  };
}

/** A settings text with one sensor; `more` is added at the end. */
export function settingsText(port: string, more = ''): string {
  return `tenant: acme
gateway: gw
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors: [{ id: front, driver: wifi-lines, port: ${port}, zone: shop }]
${more}`;
}
