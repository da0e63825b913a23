/** The encrypted file of a recording while it is being made. */
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { AgentError, reasonOf } from '../../agent/errors.ts';
import { type StreamChunk, type StreamEnd, type StreamHeader, StreamWriter } from './recorded-stream.ts';
import { encrypterOf, type Lock, sealInto } from './sealed.ts';

/** File systems without hard links, as of memory sticks, say one of these. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Written as FILE.part, for its owner alone, and named FILE when it is whole; no file is ever replaced. */
export class RecordingFile {
  readonly #path: string;
  readonly #part: string;
  readonly #plain: Writable;
  readonly #done: Promise<void>;
  /** Rejects when the file cannot be written on; never resolves. */
  readonly #failed: Promise<never>;
  #writer: StreamWriter | null = null;

  /**
   * @throws AgentError `recording_exists`, `recording_unfinished`, `recording_unwritable`, `passphrase_short`,
   *   `recipient_invalid`.
   */
  static async create(path: string, lock: Lock): Promise<RecordingFile> {
    const encrypter = await encrypterOf(lock);
    const part = `${path}.part`;
    if (existsSync(path)) throw exists(path);
    const handle = await openNew(part);
    try {
      const { plain, done } = await sealInto(handle.createWriteStream({ flush: true }), encrypter);
      return new RecordingFile(path, part, plain, done);
    } catch (error) {
      await handle.close();
      rmSync(part, { force: true });
      throw error;
    }
  }

  private constructor(path: string, part: string, plain: Writable, done: Promise<void>) {
    this.#path = path;
    this.#part = part;
    this.#plain = plain;
    this.#done = done;
    this.#failed = done.then(
      () => new Promise<never>(() => undefined),
      (error: unknown) => Promise.reject(unwritable(error)),
    );
    // Whoever waits for it is told; it may also come when nobody waits.
    this.#failed.catch(() => undefined);
  }

  /** Length so far, before encryption, which adds a part in four thousand and some 200 bytes. */
  get bytes(): number {
    return this.#writer?.bytes ?? 0;
  }

  /** Bytes in memory that the disk has not taken yet. */
  get waiting(): number {
    return this.#plain.writableLength;
  }

  /** Writes the header; comes before everything else. */
  begin(header: StreamHeader): void {
    this.#writer = new StreamWriter(this.#plain, header);
  }

  write(chunk: StreamChunk): void {
    this.#writer?.write(chunk);
  }

  /** Resolves once the file takes more. @throws AgentError `recording_unwritable`. */
  async ready(): Promise<void> {
    // A race leaves something behind with the promise that lasts: none for each chunk.
    if (this.#plain.writableNeedDrain || this.#plain.destroyed)
      await Promise.race([this.#writer?.ready(), this.#failed]);
  }

  /**
   * Ends the recording and gives the file its name.
   * @throws AgentError `recording_unwritable`, `recording_exists`; call `discard` then.
   */
  async finish(end: StreamEnd): Promise<void> {
    await Promise.race([this.#writer?.end(end), this.#failed]);
    await Promise.race([this.#done, this.#failed]);
    try {
      linkSync(this.#part, this.#path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (code === 'EEXIST' || existsSync(this.#path)) throw exists(this.#path);
      if (!NO_LINKS.has(code)) throw unwritable(error);
      renameSync(this.#part, this.#path);
    }
    rmSync(this.#part, { force: true });
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    this.#plain.destroy();
    await this.#done.catch(() => undefined);
    rmSync(this.#part, { force: true });
  }
}

async function openNew(part: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(error);
    throw new AgentError(
      'recording_unfinished',
      `expected nothing at ${part}, found a file`,
      'Another recording is being made there, or was broken off: then delete it.',
    );
  }
}

function exists(path: string): AgentError {
  return new AgentError(
    'recording_exists',
    `expected no file at ${path}, found one`,
    'Name another; no recording is ever overwritten.',
  );
}

function unwritable(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError(
    'recording_unwritable',
    `cannot write the recording: ${reasonOf(error)}`,
    'Check the path, the permissions of its folder and the space on its disk.',
    { cause: error },
  );
}
