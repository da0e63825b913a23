/**
 * How runs of the daemon begin and end, in a small file beside the database, so that the next run, and whoever asks while
 * none runs, can say what became of the last one. A run that writes no end was ended by something it could not feel.
 */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory, writeNewFile } from '../synced.ts';
import type { RunEnd } from './document.ts';

const FILE = 'run.json';

export interface RunPlaces {
  /** The storage directory. */
  directory: string;
  /** The second place, for when the first cannot be written: a full disk must not hide why nothing starts. */
  runtimeDirectory: string;
}

export interface RunStart {
  pid: number;
  bootId: string;
  /** UTC milliseconds. */
  startedMs: number;
  version: string;
  /** The settings file; null where there is none. */
  settingsPath: string | null;
}

export interface RunRecord extends RunStart {
  v: 1;
  /** When the process started, in the kernel's ticks since the boot; tells it from a later one of the same number. */
  processStart: string | null;
  /** Null while it runs, and for ever where nobody was left to write it. */
  end: RunEnd | null;
  /** Why it does not count yet; absent once it does. */
  waiting?: Waiting;
  /** Of a run that waits: what was known of the one before it. */
  before?: RunRecord | null;
}

/** A run that cannot begin and tries again by itself. */
export interface Waiting {
  /** Since when, UTC milliseconds. */
  at_ms: number;
  /** For people. */
  message: string;
  /** What to do about it. */
  hint: string;
}

/** An end that is being written, so that its time is known. */
export type ToldEnd = RunEnd & { at_ms: number };

/** The machine as it is now. */
export interface RunFacts {
  bootId: string;
  /** The start of a living process in ticks; null where there is none of that number. */
  processStart(pid: number): string | null;
  /** systemd's Result of the service, as in `oom-kill`; null where unknown. */
  serviceResult: string | null;
}

/** Reads the facts from proc(5). */
export function readRunFacts(serviceResult: string | null = null, proc = '/proc'): RunFacts {
  return {
    bootId: textOf(join(proc, 'sys/kernel/random/boot_id')).trim(),
    processStart: (pid) => processStart(pid, proc),
    serviceResult,
  };
}

/**
 * Notes that a run begins. To be called once the database is this run's, for then the run before is over. Gives how
 * that one ended, null for the first, and whether the note was kept.
 */
export function beginRun(
  places: RunPlaces,
  start: RunStart,
  facts: RunFacts,
): { previous: RunEnd | null; kept: boolean } {
  // What this run noted while it waited says nothing of the one before.
  const current = newestOf(readBoth(places).flatMap((record) => beforeThis(record, start) ?? []));
  const previous = current === null ? null : endOf(current, { ...facts, processStart: () => null });
  const record: RunRecord = { v: 1, ...start, processStart: facts.processStart(start.pid), end: null };
  return { previous, kept: keep([places.directory, places.runtimeDirectory], places, record) };
}

/**
 * Notes the end of a run, of one too that failed before it began. Never throws; says whether the note was kept. Where
 * another daemon is alive its note stays: this one failed because of it.
 */
export function endRun(places: RunPlaces, start: RunStart, end: ToldEnd, facts: RunFacts): boolean {
  const { current } = readRuns(places);
  if (current !== null && current.pid !== start.pid && endOf(current, facts) === null) return false;
  const record: RunRecord = { v: 1, ...start, processStart: facts.processStart(start.pid), end };
  // A start that fails every few seconds for the same reason must not wear the flash out.
  const again = current?.end?.how === end.how && current.end.message === end.message && end.how === 'failed';
  const { directory, runtimeDirectory } = places;
  return keep(again ? [runtimeDirectory, directory] : [directory, runtimeDirectory], places, record);
}

/**
 * Notes that a run cannot begin yet, in the second place: the disk of the first is what it waits for. Never throws; says
 * whether the note was kept. Where another daemon is alive its note stays.
 */
export function noteWaiting(places: RunPlaces, start: RunStart, waiting: Waiting, facts: RunFacts): boolean {
  const { current } = readRuns(places);
  if (current !== null && current.pid !== start.pid && endOf(current, facts) === null) return false;
  // One that waited itself says nothing of use of a third.
  const last = current === null ? null : beforeThis(current, start);
  const before = last === null ? null : { ...last, before: null };
  const processStart = facts.processStart(start.pid);
  const record: RunRecord = { v: 1, ...start, processStart, end: null, waiting, before };
  return keep([places.runtimeDirectory], places, record);
}

/** The newest record of the two places; null where no run is known. */
export function readRuns(places: RunPlaces): { current: RunRecord | null } {
  return { current: newestOf(readBoth(places)) };
}

function readBoth({ directory, runtimeDirectory }: RunPlaces): RunRecord[] {
  return [runtimeDirectory, directory].flatMap((place) => parse(textOf(join(place, FILE))) ?? []);
}

/** The first of those that are equally new. */
function newestOf(records: RunRecord[]): RunRecord | null {
  return records.reduce<RunRecord | null>(
    (best, record) => (best === null || newest(record) > newest(best) ? record : best),
    null,
  );
}

/** The record, unless it is this run's own: then that of the run before, where it holds one. */
function beforeThis(record: RunRecord, { pid, bootId, startedMs }: RunStart): RunRecord | null {
  const own = record.pid === pid && record.bootId === bootId && record.startedMs === startedMs;
  return own ? (record.before ?? null) : record;
}

/** How a run ended; null where its process is alive. */
export function endOf(record: RunRecord, facts: RunFacts): RunEnd | null {
  if (record.end !== null) return record.end;
  if (record.bootId !== facts.bootId) {
    return {
      how: 'power',
      at_ms: null,
      message: 'The machine went down with it: a power cut, or a hard reset.',
      hint: 'If nobody pulled the plug, check the power supply.',
    };
  }
  const started = facts.processStart(record.pid);
  if (started !== null && (record.processStart === null || record.processStart === started)) return null;
  const result = facts.serviceResult;
  if (result === 'watchdog') {
    return {
      how: 'watchdog',
      at_ms: null,
      message: 'It hung, and systemd ended it (watchdog).',
      hint: 'A stalled disk is the usual cause: look at "journalctl -u footfall" and at the kernel log.',
    };
  }
  if (result === 'oom-kill') {
    return {
      how: 'killed',
      at_ms: null,
      message: 'It was ended because memory ran out (oom-kill).',
      hint: 'Look at the kernel log for what took the memory, and at what else runs on the box.',
    };
  }
  const told = result === null || result === 'success' ? '' : `; systemd says "${result}"`;
  return {
    how: 'killed',
    at_ms: null,
    message: `It ended without a word, as after SIGKILL or when memory runs out${told}.`,
    hint: 'Look at "journalctl -u footfall" and at the kernel log.',
  };
}

/** Writes the record at the first of the places that takes it, and takes it from the second place once the first has it. */
function keep(order: string[], { directory, runtimeDirectory }: RunPlaces, record: RunRecord): boolean {
  for (const place of order) {
    try {
      write(place, record);
    } catch {
      continue;
    }
    if (place === directory && runtimeDirectory !== directory) {
      try {
        rmSync(join(runtimeDirectory, FILE), { force: true });
      } catch {
        // The newer of the two counts.
      }
    }
    return true;
  }
  return false;
}

/** Wholly the old or wholly the new file, also after a power cut. */
function write(directory: string, record: RunRecord): void {
  const path = join(directory, FILE);
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  writeNewFile(temporary, `${JSON.stringify(record)}\n`);
  renameSync(temporary, path);
  syncDirectory(directory);
}

function newest({ startedMs, end }: RunRecord): number {
  return Math.max(startedMs, end?.at_ms ?? 0);
}

/** Null for anything that is not a record, as a card that fails may leave. */
function parse(text: string): RunRecord | null {
  try {
    const record = JSON.parse(text) as Partial<RunRecord> | null;
    const { v, pid, bootId, startedMs, end } = record ?? {};
    const sound = v === 1 && typeof pid === 'number' && typeof bootId === 'string' && typeof startedMs === 'number';
    const ended = end === null || (typeof end === 'object' && typeof end.how === 'string');
    return sound && ended ? (record as RunRecord) : null;
  } catch {
    return null;
  }
}

/** Field 22 of /proc/PID/stat, counted from behind the name, which may hold anything; null for the dead, reaped or not. */
function processStart(pid: number, proc: string): string | null {
  const stat = textOf(join(proc, String(pid), 'stat'));
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  return stat === '' || 'ZX'.includes(fields[0]) ? null : (fields[19] ?? null);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
