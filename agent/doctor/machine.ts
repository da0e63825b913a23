/** The machine as the doctor sees it: files, users and programs behind one interface, so that any state can be prepared. */
import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { open, readdir, readFile, readlink, realpath, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** What stat(2) tells, links followed. */
export interface FileFacts {
  kind: 'file' | 'directory' | 'character_device' | 'other';
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes. */
  size: number;
  /** UTC milliseconds. */
  modifiedMs: number;
  /** Major and minor number of the device that holds it, as in /sys/dev/block. */
  heldBy: string;
}

export interface ProgramResult {
  /** Null where it did not end by itself. */
  code: number | null;
  out: string;
  err: string;
  /** Why there is no code. */
  failure: 'missing' | 'timeout' | 'signal' | null;
}

/** A file that is written and synced again and again, to learn how long that takes. */
export interface Scratch {
  writeAndSync(bytes: Uint8Array): Promise<void>;
  /** Gives it up; a process that ends does so too. */
  remove(): Promise<void>;
}

/** Everything that reads rejects with Node's own errors (`code` ENOENT, EACCES and so on). */
export interface Machine {
  /** Of this Node, as `24.21.0`. */
  readonly nodeVersion: string;
  /** The Node that runs this. */
  readonly nodePath: string;
  /** As Node spells it: x64, arm64. */
  readonly architecture: string;
  /** Who runs this: user id, and every group id. */
  readonly user: { uid: number; gids: readonly number[] };
  readFile(path: string): Promise<string>;
  readdir(path: string): Promise<string[]>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  stat(path: string): Promise<FileFacts>;
  /** Bytes that an ordinary user may still write, and all of them. */
  statfs(path: string): Promise<{ freeBytes: number; totalBytes: number }>;
  scratch(directory: string): Promise<Scratch>;
  /** Runs a program without a shell, in the C locale; never rejects, and kills it after `timeoutMs`. */
  run(program: string, words: readonly string[], timeoutMs: number): Promise<ProgramResult>;
}

const OUTPUT_LIMIT = 4 * 1024 * 1024;
/** Where programs of the system stand; not every user's PATH has the second half. */
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';

/** This machine. Programs end when `signal` is aborted. */
export function realMachine(signal?: AbortSignal): Machine {
  return { ...filesUnder(''), ...thisProcess(), run: (...words) => run(signal, ...words) };
}

function thisProcess(): Pick<Machine, 'nodeVersion' | 'nodePath' | 'architecture' | 'user'> {
  const gids = new Set([process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])]);
  return {
    nodeVersion: process.versions.node,
    nodePath: process.execPath,
    architecture: process.arch,
    user: { uid: process.geteuid?.() ?? 0, gids: [...gids] },
  };
}

type Files = Pick<Machine, 'readFile' | 'readdir' | 'readlink' | 'realpath' | 'stat' | 'statfs' | 'scratch'>;

/** The files of a tree whose root is `root`: absolute paths are taken under it. */
export function filesUnder(root: string): Files {
  const at = (path: string) => join(root, path);
  return {
    readFile: (path) => readFile(at(path), 'utf8'),
    readdir: (path) => readdir(at(path)),
    readlink: (path) => readlink(at(path)),
    realpath: async (path) => (await realpath(at(path))).slice(root.length),
    stat: async (path) => factsOf(await stat(at(path))),
    statfs: async (path) => {
      const { bsize, bavail, blocks } = await statfs(at(path));
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },
    scratch: (directory) => openScratch(at(directory)),
  };
}

function factsOf(found: Stats): FileFacts {
  const kind = found.isFile()
    ? 'file'
    : found.isDirectory()
      ? 'directory'
      : found.isCharacterDevice()
        ? 'character_device'
        : 'other';
  // makedev(3), as glibc packs it.
  const major = (found.dev >>> 8) & 0xfff;
  const minor = (found.dev & 0xff) | ((found.dev >>> 12) & 0xfff00);
  return {
    kind,
    mode: found.mode & 0o777,
    uid: found.uid,
    gid: found.gid,
    size: found.size,
    modifiedMs: found.mtimeMs,
    heldBy: `${major}:${minor}`,
  };
}

async function openScratch(directory: string): Promise<Scratch> {
  const path = join(directory, `.footfall-doctor-${process.pid}`);
  const file = await open(path, 'wx', 0o600);
  // Without a name it is gone with this process, however that ends.
  await rm(path);
  return {
    async writeAndSync(bytes) {
      await file.write(bytes, 0, bytes.length, 0);
      await file.sync();
    },
    remove: () => file.close(),
  };
}

function run(
  signal: AbortSignal | undefined,
  program: string,
  words: readonly string[],
  timeoutMs: number,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:${PROGRAM_PATH}` };
    const options = {
      timeout: timeoutMs,
      killSignal: 'SIGKILL' as const,
      maxBuffer: OUTPUT_LIMIT,
      env,
      ...(signal && { signal }),
    };
    const child = execFile(program, [...words], options, (error, out, err) => {
      const { code } = (error ?? {}) as { code?: unknown };
      if (code === 'ENOENT' || code === 'EACCES') return resolve({ code: null, out: '', err: '', failure: 'missing' });
      const failure = child.exitCode !== null ? null : child.killed ? 'timeout' : 'signal';
      resolve({ code: child.exitCode, out, err, failure });
    });
    child.stdin?.end();
  });
}

/** The text of a file, or null where it cannot be read. */
export function textOf(machine: Pick<Machine, 'readFile'>, path: string): Promise<string | null> {
  return machine.readFile(path).catch(() => null);
}

/** The names in a directory in their order, or none where it cannot be read. */
export async function namesIn(machine: Pick<Machine, 'readdir'>, path: string): Promise<string[]> {
  return (await machine.readdir(path).catch(() => [])).sort();
}

/** The facts of a file, or null where there is none or it cannot be reached. */
export function factsAt(machine: Machine, path: string): Promise<FileFacts | null> {
  return machine.stat(path).catch(() => null);
}

/** The `code` of one of Node's errors. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
