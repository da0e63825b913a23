import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { AgentError, reasonOf } from '../../agent/errors.ts';
import { claimSocketPath } from '../../agent/socket-path.ts';
import { bytesFrames, RADIO_PROTOCOL, stateFrame } from './frames.ts';
import type { RadioState } from './source.ts';

/** What the daemon has not taken yet, bytes; beyond this bytes are dropped, and counted. */
const LONGEST_BACKLOG = 262_144;
/** States go on beyond that, but not without end. */
const LONGEST_BACKLOG_OF_ALL = 2 * LONGEST_BACKLOG;

export interface RadioServerEvents {
  /** A daemon connected, or the one that was connected left. */
  connected(there: boolean): void;
  /** The daemon reads again; so many bytes were dropped meanwhile. */
  dropped(bytes: number): void;
}

/**
 * The socket of one radio helper: tells one daemon at a time the state and the bytes. Bytes that nobody reads are
 * dropped, those of a daemon that is slow are counted.
 */
export class RadioServer {
  readonly #server: Server;
  readonly #events: RadioServerEvents;
  #daemon: Socket | undefined;
  #state: { state: RadioState; detail: string } = { state: 'starting', detail: 'the radio helper starts' };
  #dropped = 0;

  private constructor(server: Server, events: RadioServerEvents) {
    this.#server = server;
    this.#events = events;
    server.on('connection', (socket) => this.#take(socket));
  }

  /**
   * Listens at `path` (mode 0660). A socket that nobody answers on is a dead helper's and is replaced. Throws
   * `radio_already_running`, `radio_socket_taken` and `radio_socket_unusable`.
   */
  static async open(path: string, events: RadioServerEvents): Promise<RadioServer> {
    const server = createServer();
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
      await makeWay(path);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
      server.removeAllListeners('error');
      // A connection that failed before it was taken is no business of the others.
      server.on('error', () => undefined);
      chmodSync(path, 0o660);
    } catch (error) {
      server.close();
      if (error instanceof AgentError) throw error;
      throw new AgentError(
        'radio_socket_unusable',
        `cannot open the socket ${path}: ${reasonOf(error)}`,
        'Check that this user may write to its folder, or name another path with --socket.',
        { cause: error },
      );
    }
    return new RadioServer(server, events);
  }

  state(state: RadioState, detail: string): void {
    this.#state = { state, detail };
    this.#send(stateFrame(state, detail));
  }

  bytes(chunk: Uint8Array): void {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    if (daemon.writableLength > LONGEST_BACKLOG) this.#dropped += chunk.length;
    else this.#send(bytesFrames(chunk));
  }

  /** Ends the connection and removes the socket. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#daemon?.destroy();
    });
  }

  #send(frame: Buffer): void {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    if (daemon.writableLength > LONGEST_BACKLOG_OF_ALL) daemon.destroy();
    else daemon.write(frame);
  }

  #take(socket: Socket): void {
    socket.on('error', () => undefined);
    // Nothing comes this way: whatever does is thrown away.
    socket.resume();
    if (this.#daemon !== undefined) {
      socket.write(stateFrame('failed', 'another daemon is connected to this radio helper', RADIO_PROTOCOL));
      // Whether or not the other end closes.
      socket.destroySoon();
      return;
    }
    this.#daemon = socket;
    this.#dropped = 0;
    socket.on('drain', () => this.#drained());
    socket.once('close', () => {
      this.#daemon = undefined;
      this.#events.connected(false);
    });
    const { state, detail } = this.#state;
    socket.write(stateFrame(state, detail, RADIO_PROTOCOL));
    this.#events.connected(true);
  }

  #drained(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    const { state, detail } = this.#state;
    this.#send(stateFrame(state, `${detail}; ${dropped} bytes were dropped, as the daemon did not read them`));
    this.#events.dropped(dropped);
  }
}

async function makeWay(path: string): Promise<void> {
  const found = await claimSocketPath(path);
  if (found === 'file') {
    throw new AgentError(
      'radio_socket_taken',
      `expected a socket or nothing at ${path}, found another kind of file`,
      'Move that file away, or name another path with --socket.',
    );
  }
  if (found === 'answered') {
    throw new AgentError(
      'radio_already_running',
      `another radio helper answers on ${path}`,
      'Stop it first: systemctl stop footfall-radio@ID',
    );
  }
}
