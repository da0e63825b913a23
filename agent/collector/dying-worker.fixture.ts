/** The thread of a collector's database, as if the program had a fault: it ends by itself after its first answer. */
import { parentPort } from 'node:worker_threads';

await import('./sqlite-worker.ts');
parentPort?.on('message', () => setTimeout(() => process.exit(), 50));
