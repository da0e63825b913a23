import { RadioServer } from './server.ts';
import type { RadioSource, RadioState } from './source.ts';

export interface RadioHelperOptions {
  /** Path of the socket that the daemon connects to. */
  socket: string;
  source: RadioSource;
  /** Takes what is to be logged; never an address. */
  tell: (word: RadioWord) => void;
}

export type RadioWord =
  | { kind: 'state'; state: RadioState; detail: string }
  | { kind: 'daemon'; connected: boolean }
  | { kind: 'dropped'; bytes: number };

/** A radio and the socket that tells one daemon what it hears. */
export class RadioHelper {
  readonly #server: RadioServer;
  readonly #tell: RadioHelperOptions['tell'];
  #source: RadioSource;
  #replacing: Promise<void> = Promise.resolve();

  private constructor(server: RadioServer, { source, tell }: RadioHelperOptions) {
    this.#server = server;
    this.#source = source;
    this.#tell = tell;
  }

  /** Opens the socket, then the radio. Throws as `RadioServer.open`. */
  static async start(options: RadioHelperOptions): Promise<RadioHelper> {
    const { socket, tell } = options;
    const server = await RadioServer.open(socket, {
      connected: (connected) => tell({ kind: 'daemon', connected }),
      dropped: (bytes) => tell({ kind: 'dropped', bytes }),
    });
    const helper = new RadioHelper(server, options);
    helper.#listen(options.source);
    return helper;
  }

  /** Goes on with another source, as after a change of the settings; the connection stays. */
  replace(source: RadioSource): Promise<void> {
    return this.#then(async () => {
      await this.#source.stop();
      this.#listen(source);
    });
  }

  stop(): Promise<void> {
    return this.#then(async () => {
      await this.#source.stop();
      await this.#server.close();
    });
  }

  #listen(source: RadioSource): void {
    this.#source = source;
    source.start({
      bytes: (chunk) => this.#server.bytes(chunk),
      state: (state, detail) => {
        this.#tell({ kind: 'state', state, detail });
        this.#server.state(state, detail);
      },
    });
  }

  /** One change at a time. */
  #then(change: () => Promise<void>): Promise<void> {
    this.#replacing = this.#replacing.then(change);
    return this.#replacing;
  }
}
