/**
 * A process of its own that loads one native module and ends with 0: a module built for another Node can take the whole
 * process with it instead of throwing. Its last line on stderr says why it failed.
 */
import { argv } from 'node:process';

const LOADS: Record<string, () => Promise<void>> = {
  'better-sqlite3': async () => {
    const { default: Database } = await import('better-sqlite3');
    new Database(':memory:').close();
  },
  serialport: async () => {
    await import('serialport');
  },
};

const load = LOADS[argv[2]];
if (load === undefined) throw new Error(`expected one of ${Object.keys(LOADS).join(', ')}`);
await load();
