/** One connection to PostgreSQL that is made again when it is lost, with full-jitter back-off. */
import { Client, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import type { Clock, Timer } from '../clock.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { fullJitter } from '../mqtt/backoff.ts';
import type { Log } from '../mqtt/link.ts';

/** Runs statements within a transaction. */
export type Query = <Row extends QueryResultRow>(config: QueryConfig) => Promise<QueryResult<Row>>;

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 60_000;
const CONNECT_WITHIN_MS = 10_000;
/** A statement that takes longer has lost its server: this is what finds a half-open connection. */
const ANSWER_WITHIN_MS = 60_000;

/** A client that is not connected yet. @param answerWithinMs null for statements that may take their time. */
export function newClient(url: string, answerWithinMs: number | null): Client {
  return new Client({
    connectionString: url,
    application_name: 'footfall-collector',
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    keepAlive: true,
    ...(answerWithinMs === null ? {} : { query_timeout: answerWithinMs }),
  });
}

/** SQLSTATE of what the server said; null where it said nothing. */
export function stateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

export function databaseError(name: string, error: unknown): AgentError {
  // Several addresses of one name that all refuse are an AggregateError without a text.
  const reason = error instanceof AggregateError ? error.errors.map(reasonOf).join(', ') : reasonOf(error);
  return new AgentError(
    'collector_database',
    `expected a PostgreSQL database at ${name}, but it cannot be used: ${reason}`,
    'Check the address, the role and its rights, and that the server runs.',
    { cause: error },
  );
}

export class Connection {
  readonly #url: string;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  #client: Client | null = null;
  #trouble: string | null = 'not connected yet';
  #attempt = 0;
  #timer: Timer | null = null;
  #closed = false;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  /** @param name for people, without a password. */
  constructor(url: string, name: string, deps: { clock: Clock; random: () => number; log: Log }) {
    this.#url = url;
    this.#name = name;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  /** Makes the connection. @throws whatever is wrong with it. */
  async connect(): Promise<void> {
    const client = newClient(this.#url, ANSWER_WITHIN_MS);
    // Stays attached for ever: a lost connection is told here, whether a statement runs or not.
    client.on('error', (error) => this.#lost(client, error));
    try {
      await client.connect();
      // A server may be set to answer a commit before it is on the disk; an acknowledgement must not.
      await client.query(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
      );
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    }
    if (this.#closed) return client.end();
    this.#client = client;
    this.#trouble = null;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Resolves once there is a connection; rejects when this is closed before. */
  usable(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closing());
    if (this.#client !== null) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /**
   * One transaction. An error that the server put down to the data leaves the connection as it is; after any other it is made
   * anew, whatever is wrong with it.
   */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === null) throw databaseError(this.#name, new Error(this.#trouble ?? 'closed'));
    try {
      await client.query('BEGIN');
      const result = await work((config) => client.query(config));
      await client.query('COMMIT');
      this.#attempt = 0;
      return result;
    } catch (error) {
      if (isOfData(error) || isOfOrder(error)) {
        try {
          await client.query('ROLLBACK');
        } catch (failure) {
          this.#lost(client, failure);
        }
      } else this.#lost(client, error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closing());
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  #lost(client: Client, error: unknown): void {
    if (client !== this.#client) return;
    this.#client = null;
    // A goodbye to a server that does not answer may take for ever: nobody waits for it.
    client.end().catch(() => undefined);
    if (!this.#closed) this.#again(error);
  }

  #again(error: unknown): void {
    const { message: reason } = databaseError(this.#name, error);
    const level = reason === this.#trouble ? 'debug' : 'error';
    this.#trouble = reason;
    const delay = fullJitter(this.#attempt++, FIRST_RETRY_MS, LONGEST_RETRY_MS, this.#random);
    this.#log(level, { reason, retry_ms: Math.round(delay) }, 'The database cannot be used');
    this.#timer = this.#clock.after(delay, async () => {
      try {
        await this.connect();
        this.#log('info', { database: this.#name }, 'The database can be used again');
      } catch (failure) {
        if (!this.#closed) this.#again(failure);
      }
    });
  }

  #closing(): Error {
    return new Error('the database was closed');
  }
}

/** A value that the database cannot take (22), or more of it than it can (54). */
export function isOfData(error: unknown): boolean {
  return /^(22|54)/.test(stateOf(error) ?? '');
}

/** Another collector was in the way: the same again will do. */
export function isOfOrder(error: unknown): boolean {
  return /^40/.test(stateOf(error) ?? '');
}
