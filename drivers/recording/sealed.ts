/**
 * Encryption of recordings in the age format (age-encryption.org/v1), so that `age` opens them too. It is done while
 * recording: nothing that is not encrypted gets to a disk. Each piece of 64 KiB is authenticated before it is passed on.
 */
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import type { Decrypter, Encrypter } from 'age-encryption';
import { AgentError } from '../../agent/errors.ts';

/** How a recording is closed: for whoever knows the passphrase, or has the identity of one of the recipients. */
export type Lock = { passphrase: string } | { recipients: readonly string[] };
/** What a recording is opened with. */
export interface Keys {
  passphrase?: string;
  /** Content of an identity file: lines `AGE-SECRET-KEY-1...`, others begin with `#`. */
  identity?: string;
}

/** First line of every age file. */
const MAGIC = 'age-encryption.org/v1\n';
/** Where a file says what opens it. */
const SCRYPT_STANZA = '\n-> scrypt ';
/**
 * Work factor of passphrases (log2 of N of scrypt): 64 MiB of memory, which the smallest gateways have. age's own 18 needs
 * 256 MiB; the two bits are made good by the least length.
 */
const WORK_FACTOR = 16;
export const SHORTEST_PASSPHRASE = 12;

/** Whether a file that begins like this is encrypted. */
export function isSealed(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
}

/** Whether a file that begins like this is opened with a passphrase, and not with an identity. */
export function wantsPassphrase(head: Uint8Array): boolean {
  return Buffer.from(head)
    .toString('latin1')
    .startsWith(SCRYPT_STANZA, MAGIC.length - 1);
}

/** Makes what encrypts. @throws AgentError `passphrase_short` or `recipient_invalid`. */
export async function encrypterOf(lock: Lock): Promise<Encrypter> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  if ('passphrase' in lock) {
    if ([...lock.passphrase].length < SHORTEST_PASSPHRASE) {
      throw new AgentError(
        'passphrase_short',
        `expected a passphrase of at least ${SHORTEST_PASSPHRASE} characters`,
        'Whoever gets hold of the file can try many. Four or five random words are good.',
      );
    }
    encrypter.setPassphrase(lock.passphrase);
    encrypter.setScryptWorkFactor(WORK_FACTOR);
    return encrypter;
  }
  for (const recipient of lock.recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      // Its own message quotes what was given, which may be a secret key by mistake.
      throw new AgentError(
        'recipient_invalid',
        'expected a recipient of age such as age1..., found something else',
        'It is the public key that age-keygen prints; never give the secret one.',
      );
    }
  }
  return encrypter;
}

/** Encrypts what is written to `plain` into `out`. `done` settles when all of it is there, or the writing failed. */
export async function sealInto(out: Writable, encrypter: Encrypter): Promise<{ plain: Writable; done: Promise<void> }> {
  const plain = new PassThrough();
  const sealed = await encrypter.encrypt(Readable.toWeb(plain) as ReadableStream<Uint8Array>);
  return { plain, done: pipeline(Readable.fromWeb(sealed as WebStream<Uint8Array>), out) };
}

/**
 * Decrypts a file given in pieces.
 * @throws AgentError `recording_locked` for the wrong key, and from the pieces `recording_damaged`.
 */
export async function unseal(source: Readable, keys: Keys): Promise<AsyncIterable<Uint8Array>> {
  const decrypter = await decrypterOf(keys);
  let opened: AsyncIterable<Uint8Array>;
  try {
    opened = await decrypter.decrypt(Readable.toWeb(source) as ReadableStream<Uint8Array>);
  } catch (error) {
    source.destroy();
    if (/no identity matched/.test((error as Error).message)) throw locked();
    throw damaged(error);
  }
  return authenticated(opened);
}

async function decrypterOf({ passphrase, identity }: Keys): Promise<Decrypter> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  const lines = (identity ?? '').split('\n').map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '' && !line.startsWith('#'));
  try {
    for (const secret of secrets) decrypter.addIdentity(secret);
  } catch {
    // Its own message quotes the secret.
    throw identityInvalid();
  }
  if (identity !== undefined && secrets.length === 0) throw identityInvalid();
  return decrypter;
}

async function* authenticated(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of pieces) yield piece;
  } catch (error) {
    throw damaged(error);
  }
}

function identityInvalid(): AgentError {
  return new AgentError(
    'identity_invalid',
    'expected a file with lines AGE-SECRET-KEY-1..., found something else',
    'It is the file that age-keygen wrote.',
  );
}

function locked(): AgentError {
  return new AgentError(
    'recording_locked',
    'expected the key that the recording was made for, received another one',
    'Is it the right passphrase, or the identity of the recipient that was named?',
  );
}

function damaged(cause: unknown): AgentError {
  return new AgentError(
    'recording_damaged',
    'expected a whole encrypted recording, found one that is cut short or was altered',
    'Copy it again, and compare the lengths.',
    { cause },
  );
}
