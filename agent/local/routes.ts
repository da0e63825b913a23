/** What the daemon's local socket answers: one line in the table a route. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentError } from '../errors.ts';
import { sendFailure, sendJson, sendMetrics } from './answers.ts';
import { bodyOf, type DeadLetterRoutes, pageOf, sequencesOf } from './dead-letters.ts';
import type { StatusDocument } from './document.ts';
import { type RecordLine, streamRecording } from './record-stream.ts';
import { TAIL_KINDS, type TailEvent, type TailKind } from './tail.ts';
import type { TailStreams } from './tail-stream.ts';

const BODY_LIMIT = 65_536;
const HEALTH_LIMIT = { usual: 100, most: 10_000 };

/** A change of health as `GET /health` tells it. */
export type HealthEntry = Omit<Extract<TailEvent, { kind: 'health' }>, 'kind'>;

/** What somebody wants to see of the tail. */
export interface TailFilter {
  /** Ids; empty for all. What is not of one sensor comes only when none is named, or its kind is. */
  sensors: string[];
  /** Empty for all. */
  kinds: TailKind[];
}

/** What the daemon can be asked; a route whose member is absent does not exist. */
export interface LocalRoutes {
  status(): StatusDocument | Promise<StatusDocument>;
  /** Moves a virtual clock; present only where there is one. The answer is sent as JSON. */
  advance?(body: unknown): Promise<unknown>;
  /** Reads the settings again. The answer is sent as JSON. */
  reload?(): Promise<unknown>;
  /** The newest changes of health, newest first. */
  health?(limit: number): Promise<HealthEntry[]>;
  /** The daemon's recent log lines, oldest first. */
  log?(): string[];
  /** Prometheus text format 0.0.4. */
  metrics?(): string | Promise<string>;
  /** Passes events on until the function it returns is called. May throw an AgentError for a filter it cannot meet. */
  tail?(filter: TailFilter, sink: (event: TailEvent) => void): () => void;
  /** Passes a sensor's bytes on until the function it returns is called. May throw an AgentError. */
  record?(sensor: string, sink: (line: RecordLine) => void): () => void;
  deadLetters?: DeadLetterRoutes;
}

export interface Question {
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
}

export interface Route {
  method: 'GET' | 'POST';
  path: string;
  answer(question: Question): void | Promise<void>;
}

/** The routes there are, in the order in which they are told to somebody who asks for another one. */
export function tableOf(routes: LocalRoutes, streams: TailStreams): Route[] {
  const { advance, reload, health, log, metrics, tail, record, deadLetters } = routes;
  const table: (Route | null)[] = [
    get('/status', async ({ response }) => sendJson(response, 200, await routes.status())),
    health &&
      get('/health', async ({ query, response }) => sendJson(response, 200, { changes: await health(limitOf(query)) })),
    log && get('/log', ({ response }) => sendJson(response, 200, { lines: log() })),
    metrics && get('/metrics', async ({ response }) => sendMetrics(response, await metrics())),
    tail && get('/tail', ({ query, response }) => streams.open(response, (sink) => tail(filterOf(query), sink))),
    record &&
      get('/record', ({ query, response }) => {
        const sensor = recordedOf(query);
        streamRecording(response, (sink) => record(sensor, sink));
      }),
    reload && post('/reload', async ({ response }) => sendJson(response, 200, (await reload()) ?? {})),
    ...(deadLetters === undefined ? [] : deadLetterTable(deadLetters)),
    advance && postJson('/clock/advance', async (body) => (await advance(body)) ?? {}),
  ].map((route) => route ?? null);
  return table.filter((route) => route !== null);
}

function deadLetterTable(routes: DeadLetterRoutes): Route[] {
  return [
    get('/dead-letters', async ({ query, response }) =>
      sendJson(response, 200, { dead_letters: await routes.list(pageOf(query)) }),
    ),
    get('/dead-letters/body', async ({ query, response }) => sendJson(response, 200, await bodyOf(routes, query))),
    postJson('/dead-letters/resend', async (body) => ({ resent: await routes.resend(sequencesOf(body)) })),
    postJson('/dead-letters/drop', async (body) => ({ dropped: await routes.drop(sequencesOf(body)) })),
  ];
}

function get(path: string, answer: Route['answer']): Route {
  return { method: 'GET', path, answer };
}

function post(path: string, answer: Route['answer']): Route {
  return { method: 'POST', path, answer };
}

/** A question with a body of JSON, and an answer of JSON. */
function postJson(path: string, answer: (body: unknown) => Promise<unknown>): Route {
  return post(path, async ({ request, response }) => {
    const body = await readBody(request);
    if (body === null) return refuseLarge(response);
    sendJson(response, 200, await answer(parseJson(body)));
  });
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return HEALTH_LIMIT.usual;
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= HEALTH_LIMIT.most) return limit;
  throw new AgentError('limit_invalid', `expected "limit" as a whole number from 1 to ${HEALTH_LIMIT.most}`);
}

/** The bytes hold addresses: nobody gets them by trying what there is. */
function recordedOf(query: URLSearchParams): string {
  if (query.get('addresses') === 'yes') return query.get('sensor') ?? '';
  throw new AgentError(
    'addresses_unasked',
    'expected "addresses=yes" with what a sensor says, found none',
    'Its bytes hold the addresses of the devices around. Record them encrypted: footfall record --help',
  );
}

function filterOf(query: URLSearchParams): TailFilter {
  const isKind = (kind: string): kind is TailKind => (TAIL_KINDS as readonly string[]).includes(kind);
  const kinds = query.getAll('kind');
  if (!kinds.every(isKind)) {
    throw new AgentError('tail_kind_unknown', `expected each "kind" as one of ${TAIL_KINDS.join(', ')}`);
  }
  return { sensors: query.getAll('sensor'), kinds };
}

/** The body's text, or null when it is too large; then it is read on but not kept, so that the answer gets through. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= BODY_LIMIT) chunks.push(chunk);
    else chunks = [];
  }
  return length > BODY_LIMIT ? null : Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AgentError('body_invalid', 'expected a body of JSON, received something else', '', { cause: error });
  }
}

function refuseLarge(response: ServerResponse): void {
  sendFailure(response, 413, 'body_too_large', `expected a body of at most ${BODY_LIMIT} bytes, received more`);
}
