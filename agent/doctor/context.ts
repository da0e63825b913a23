/** What every chapter starts from: the settings as far as they can be known, the daemon's answer, who it runs as. */
import type { Clock } from '../clock.ts';
import { AgentError, reasonOf } from '../errors.ts';
import type { StatusDocument } from '../local/document.ts';
import type { LastKnown } from '../local/last-known.ts';
import type { ClientIdentity } from '../mqtt/certificates.ts';
import type { ClockTrust } from '../platform/clock-trust.ts';
import { checkSettings } from '../settings/load.ts';
import { DEFAULT_SETTINGS, type EffectiveSettings, type Mistake, type Settings } from '../settings/settings.ts';
import type { Inspection } from '../storage/inspect.ts';
import type { BrokerTarget } from './broker-step.ts';
import type { Chapter, Finding } from './finding.ts';
import type { Machine } from './machine.ts';
import { type Identity, People } from './people.ts';
import { readService, type Service } from './service.ts';

const DEFAULT_RUNTIME = '/run/footfall';
const DEFAULT_STORAGE = '/var/lib/footfall';
const SOCKET_NAME = 'footfall.sock';

export interface DoctorOptions {
  /** The settings file; /etc/footfall/footfall.yaml by default. */
  settings?: string;
  /** The daemon's socket, where it is not in the settings' runtime directory. */
  socket?: string;
  /** All of them by default. */
  chapters?: readonly Chapter[];
  /** Leaves out what needs the network. */
  offline?: boolean;
  /** Ends the examination early; no finding follows. */
  signal?: AbortSignal;
  /** Told whenever a chapter begins or ends: those still being looked at. */
  onProgress?: (running: readonly Chapter[]) => void;
}

/** What a look into the database gave. */
export type DatabaseReport =
  | ({ problems: string[]; bytes: number } & Pick<
      Inspection['outbox'],
      'held' | 'heldBytes' | 'bytesPerWindow' | 'oldestSealedMs' | 'deadLetters' | 'dropped'
    >)
  | { error: { code: string; message: string; hint: string } };

/** Everything the doctor asks of the world; `realDeps` is the real one. */
export interface DoctorDeps {
  machine: Machine;
  clock: Clock;
  /** The daemon's status document; rejects with an AgentError where nobody answers. */
  askDaemon(socket: string): Promise<unknown>;
  /** The settings in force with their layers; throws where neither file nor last good copy can be used. */
  loadEffective(path: string, nowMs: number): Promise<EffectiveSettings & { notes?: string[] }>;
  /** What is known of a daemon that does not answer; null where that cannot be told. */
  lastKnown(places: { storageDirectory: string; runtimeDirectory: string }): Promise<LastKnown | null>;
  checkDatabase(path: string): Promise<DatabaseReport>;
  /** As agent/mqtt/certificates.ts has it, with this user's rights. */
  readIdentity(certFile: string, keyFile: string): Promise<ClientIdentity>;
  checkBroker(target: BrokerTarget, signal?: AbortSignal): AsyncIterable<Finding>;
  /** The broker's password, or undefined without one; throws an AgentError where it cannot be read. */
  readPassword(settings: Settings): string | undefined;
  clockTrust(): Promise<ClockTrust>;
  /** Whether a native module can be loaded, told by a process of its own. */
  loadModule(name: string): Promise<{ loads: true } | { loads: false; reason: string }>;
}

export interface SettingsRead {
  /** The file's mistakes; empty where it cannot be read. */
  mistakes: Mistake[];
  /** Why the file cannot be read; null where it can. */
  unreadable: AgentError | null;
  /** Null where neither the file nor a last good copy can be used. */
  effective: (EffectiveSettings & { notes?: string[] }) | null;
}

export type DaemonAnswer = { document: StatusDocument; tookMs: number } | { error: AgentError };

export interface SensorPort {
  id: string;
  /** A path; of a radio its adapter. */
  port: string;
}

/** What a sensor listens with; undefined for one on a serial port. */
export function radioOf({ port }: SensorPort): 'bluetooth' | 'wlan' | undefined {
  if (port.startsWith('/')) return undefined;
  return /^(auto|hci\d+)$/.test(port) ? 'bluetooth' : 'wlan';
}

export interface Context {
  readonly machine: Machine;
  readonly deps: DoctorDeps;
  readonly clock: Clock;
  /** UTC milliseconds by the machine's wall clock. */
  readonly nowMs: number;
  readonly offline: boolean;
  readonly signal?: AbortSignal;
  readonly settingsPath: string;
  /** Whether somebody named the file, rather than taking the default. */
  readonly settingsNamed: boolean;
  readonly read: SettingsRead;
  /** In force, or those that would be at the next start. */
  readonly settings: Settings | null;
  readonly socket: string;
  readonly daemon: DaemonAnswer;
  readonly sensors: readonly SensorPort[];
  readonly storageDirectory: string;
  readonly runtimeDirectory: string;
  readonly people: People;
  readonly service: Service | null;
  readonly identity: Identity;
}

export async function gather(options: DoctorOptions, deps: DoctorDeps): Promise<Context> {
  const { machine, clock } = deps;
  const nowMs = clock.wall();
  const settingsPath = options.settings ?? DEFAULT_SETTINGS;
  const [read, people, service] = await Promise.all([
    readAll(settingsPath, nowMs, deps),
    People.of(machine),
    readService(machine),
  ]);
  const settings = read.effective?.settings ?? null;
  const socket = options.socket ?? `${settings?.runtimeDirectory ?? DEFAULT_RUNTIME}/${SOCKET_NAME}`;
  const daemon = await askDaemon(socket, deps);
  const document = 'document' in daemon ? daemon.document : null;
  return {
    machine,
    deps,
    clock,
    nowMs,
    offline: options.offline ?? false,
    ...(options.signal && { signal: options.signal }),
    settingsPath,
    settingsNamed: options.settings !== undefined,
    read,
    settings,
    socket,
    daemon,
    sensors: (settings ?? document)?.sensors.map(({ id, port }) => ({ id, port })) ?? [],
    storageDirectory: settings?.storage.directory ?? document?.disk.path ?? DEFAULT_STORAGE,
    runtimeDirectory: settings?.runtimeDirectory ?? DEFAULT_RUNTIME,
    people,
    service,
    identity: await identify(machine, people, service, document),
  };
}

async function readAll(path: string, nowMs: number, deps: DoctorDeps): Promise<SettingsRead> {
  let mistakes: Mistake[] = [];
  let unreadable: AgentError | null = null;
  try {
    const checked = checkSettings(await deps.machine.readFile(path));
    if ('mistakes' in checked) mistakes = checked.mistakes;
  } catch (error) {
    unreadable = asAgentError(error, 'settings_unreadable');
  }
  const effective = await deps.loadEffective(path, nowMs).catch(() => null);
  return { mistakes, unreadable, effective };
}

async function askDaemon(socket: string, { clock, askDaemon: ask }: DoctorDeps): Promise<DaemonAnswer> {
  const asked = clock.monotonic();
  try {
    const document = (await ask(socket)) as Partial<StatusDocument> | null;
    if (document?.v === 1) return { document: document as StatusDocument, tookMs: clock.monotonic() - asked };
    const found = JSON.stringify(document?.v ?? null);
    const hint = 'The daemon is of another release than this command: sudo systemctl restart footfall';
    throw new AgentError('status_version', `expected status document version 1, received ${found}`, hint);
  } catch (error) {
    return { error: asAgentError(error, 'daemon_unreachable') };
  }
}

/** A running process tells best whom it runs as; then its unit; else it would be whoever asks. */
async function identify(
  machine: Machine,
  people: People,
  service: Service | null,
  document: StatusDocument | null,
): Promise<Identity> {
  const running = document && (await people.ofProcess(machine, document.process.pid));
  if (running) return running;
  const unit = service?.installed ? people.find(service.user || 'root', service.groups, 'unit') : null;
  if (unit !== null) return unit;
  const { uid, gids } = machine.user;
  return { name: people.userName(uid), uid, gids, source: 'this user' };
}

function asAgentError(error: unknown, code: string): AgentError {
  return error instanceof AgentError ? error : new AgentError(code, reasonOf(error), '', { cause: error });
}
