/** The real world for `examine`; what is heavy is loaded when it is used. */
import { fileURLToPath } from 'node:url';
import { requestLocal } from '../local/client.ts';
import { readIdentity } from '../mqtt/certificates.ts';
import { realClock } from '../platform/clock.ts';
import { readClockTrust } from '../platform/clock-trust.ts';
import { loadEffective } from '../settings/effective.ts';
import { readPassword } from '../settings/load.ts';
import { checkBroker } from './broker.ts';
import type { DatabaseReport, DoctorDeps } from './context.ts';
import { type Machine, realMachine } from './machine.ts';

/** A quick check of a full database reads all of it, at the pace of a slow card. */
const DATABASE_LIMIT_MS = 60_000;
const MODULE_LIMIT_MS = 20_000;

/**
 * @param lastKnown What is known of a daemon that does not answer (agent/last-known.ts).
 * @param signal Ends the programs that were started.
 */
export function realDeps(lastKnown: DoctorDeps['lastKnown'], signal?: AbortSignal): DoctorDeps {
  const machine = realMachine(signal);
  const clock = realClock();
  return {
    machine,
    clock,
    askDaemon: (socket) => requestLocal(socket, 'GET', '/status'),
    loadEffective: async (path, nowMs) => loadEffective({ path, nowMs }),
    lastKnown,
    checkDatabase: (path) => checkDatabase(machine, path),
    readIdentity,
    checkBroker: (target, abort) =>
      checkBroker(target, { clock, random: Math.random, ...(abort && { signal: abort }) }),
    // The unit's credential is taken from there (systemd.exec(5), LoadCredential).
    readPassword: (settings) => readPassword(settings, { CREDENTIALS_DIRECTORY: '/etc/footfall', ...process.env }),
    clockTrust: async () => readClockTrust(),
    loadModule: (name) => loadModule(machine, name),
  };
}

async function checkDatabase(machine: Machine, path: string): Promise<DatabaseReport> {
  const script = fileURLToPath(new URL('look-into-database.ts', import.meta.url));
  const { code, out, failure } = await machine.run(machine.nodePath, [script, path], DATABASE_LIMIT_MS);
  if (code === 0) return JSON.parse(out) as DatabaseReport;
  const message =
    failure === 'timeout' ? `no result within ${DATABASE_LIMIT_MS / 1_000} s` : 'the look into it ended without a word';
  return { error: { code: 'database_unreadable', message, hint: '' } };
}

async function loadModule(machine: Machine, name: string): ReturnType<DoctorDeps['loadModule']> {
  const script = fileURLToPath(new URL('load-module.ts', import.meta.url));
  const { code, err, failure } = await machine.run(machine.nodePath, [script, name], MODULE_LIMIT_MS);
  if (code === 0) return { loads: true };
  if (failure !== null) {
    return { loads: false, reason: failure === 'timeout' ? 'loading it hangs' : 'loading it crashes Node' };
  }
  const told = err.split('\n').find((line) => /^\w*Error\b/.test(line));
  return { loads: false, reason: told ?? `loading it ended with code ${code}` };
}
