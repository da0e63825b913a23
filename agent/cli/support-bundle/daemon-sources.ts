/** What the daemon tells of itself over its socket, or what is known while it does not answer. */
import { dirname } from 'node:path';
import type { Machine } from '../../doctor/machine.ts';
import { type IdentityFacts, identityAt, setAsideIn, unfinishedAt } from '../../doctor/storage-files.ts';
import { AgentError } from '../../errors.ts';
import { requestLocal } from '../../local/client.ts';
import { databaseStatistics, healthIn } from './database.ts';
import type { Places } from './places.ts';
import { asJson, LIMITS, type Source } from './source.ts';

const HEALTH_LIMIT = 5_000;
const LOG_LINES = '5000';

export function daemonSources(places: Places, machine: Machine): Source[] {
  const ask = (route: string) => requestLocal(places.socket, 'GET', route, undefined, LIMITS.daemon);
  return [
    {
      name: 'status.json',
      why: 'the status document, or what is known while no daemon answers',
      async gather() {
        try {
          return asJson(await ask('/status'));
        } catch (error) {
          if (!(error instanceof AgentError)) throw error;
          const { lastKnown } = await import('../../last-known.ts');
          const { code, message } = error;
          return asJson({ running: false, error: { code, message }, ...(await lastKnown(places)) });
        }
      },
    },
    {
      name: 'log.txt',
      why: 'the newest lines of the log',
      gather: () => journal(machine).catch((reason: AgentError) => recentLines(ask, reason)),
    },
    {
      name: 'health.json',
      why: 'what went wrong when, and when it ended',
      async gather() {
        const asked = ask(`/health?limit=${HEALTH_LIMIT}`);
        return asJson(await asked.catch(() => ({ changes: healthIn(places.database, HEALTH_LIMIT) })));
      },
    },
    { name: 'metrics.txt', why: 'every counter, as Prometheus reads them', gather: () => metrics(places.socket) },
    {
      name: 'database.json',
      why: 'tables, rows and sizes of the database, gaps and dead letters by reason, nothing else out of it',
      gather: async () => asJson(databaseStatistics(places.database)),
    },
    {
      name: 'database-files.json',
      why: 'the databases that were set aside, by name and size, and what the identity file says',
      gather: () => filesBeside(machine, places.database),
    },
  ];
}

/** Also where the database itself cannot be read. Throws where its directory cannot. */
async function filesBeside(machine: Machine, database: string): Promise<string> {
  await machine.readdir(dirname(database));
  const [kept, unfinished, identity] = await Promise.all([
    setAsideIn(machine, database),
    unfinishedAt(machine, database),
    identityAt(machine, database),
  ]);
  const told = identity === null || identity === 'damaged' ? identity : toFacts(identity);
  const setAside = kept.map(({ number, files, modifiedMs }) => ({
    number,
    modified_ms: Math.round(modifiedMs),
    files,
  }));
  return asJson({ identity: told, set_aside: setAside, being_set_aside: unfinished });
}

function toFacts({ epochs, sealedThrough }: IdentityFacts) {
  return { epochs, sealed_through: sealedThrough };
}

/** systemd's journal of the unit. Throws where there is none, it may not be read, or it holds nothing of the unit. */
async function journal(machine: Machine): Promise<string> {
  const words = ['-u', 'footfall', '-o', 'short-iso-precise', '-n', LOG_LINES, '--no-pager', '--quiet'];
  const { code, out, failure } = await machine.run('journalctl', words, LIMITS.program);
  if (failure === 'missing') throw new AgentError('journal_missing', 'there is no journalctl');
  if (failure === 'timeout')
    throw new AgentError('journal_silent', 'journalctl did not end in time, or tells too much');
  if (code !== 0) throw new AgentError('journal_unreadable', `journalctl ended with code ${code}`);
  if (out.trim() === '') throw new AgentError('journal_empty', 'the journal shows this user nothing of the unit');
  return out;
}

async function recentLines(ask: (route: string) => Promise<unknown>, reason: AgentError): Promise<string> {
  try {
    const { lines } = (await ask('/log')) as { lines: string[] };
    return `(the daemon's own last lines: ${reason.message})\n${lines.map((line) => `${line}\n`).join('')}`;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new AgentError(error.code, `${reason.message}; ${error.message}`, error.hint, { cause: error });
  }
}

/** Prometheus text, not JSON as the other answers. */
function metrics(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { get } = process.getBuiltinModule('node:http');
    const signal = AbortSignal.timeout(LIMITS.daemon);
    const asked = get({ socketPath, path: '/metrics', agent: false, signal }, (response) => {
      const parts: string[] = [];
      response.setEncoding('utf8').on('data', (part: string) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(parts.join(''));
        else reject(new AgentError('metrics_unknown', `the daemon answered ${response.statusCode}`));
      });
    });
    asked.once('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(nobody ? new AgentError('daemon_not_running', `no daemon on ${socketPath}`) : error);
    });
  });
}
