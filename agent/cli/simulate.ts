/** `footfall simulate`: a store that does not exist, as the bytes its sensors would send, with the truth beside them. */
import { type Command, InvalidArgumentError } from 'commander';
import { decimal, timeZone, wholeNumber } from './options.ts';

interface SimulateOptions {
  out?: string;
  truth?: string;
  seed: number;
  date: string;
  open: string;
  timeZone: string;
  passers?: number;
  enters?: number;
  doorMiss?: number;
  json?: boolean;
}

const SENSORS: { id: string; driver: 'wifi-pcap' | 'door-lines' }[] = [
  { id: 'shop-wifi', driver: 'wifi-pcap' },
  { id: 'main-door', driver: 'door-lines' },
];

export function register(program: Command): void {
  program
    .command('simulate')
    .description("write a simulated store's day as the bytes of its sensors, and what truly happened in it")
    .requiredOption('-o, --out <FILE>', 'recording to write, for "footfall replay"')
    .option('--truth <FILE>', 'write the truth as JSON')
    .option('--seed <N>', 'the same seed gives the same bytes', wholeNumber, 1)
    .option('--date <YYYY-MM-DD>', 'local date', isoDate, '2026-03-02')
    .option('--open <HH:MM-HH:MM>', 'opening hours, local', openHours, '09:00-19:00')
    .option('--time-zone <ZONE>', 'IANA time zone of the store', timeZone, 'Europe/Prague')
    .option('--passers <N>', 'people passing an hour; drawn from 20 to 1500 by the seed when absent', decimal)
    .option('--enters <PERCENT>', 'share of them that enters; drawn from 3 to 30 by the seed when absent', decimal)
    .option('--door-miss <PERCENT>', 'passages the door counter misses; drawn by the seed when absent', decimal)
    .option('--json', 'print the truth as JSON')
    .addHelpText(
      'after',
      `
The store has a sniffer "shop-wifi" (wifi-pcap) and a counter "main-door" (door-lines). It is simulated from a quarter of
an hour before opening until half an hour after closing.

Exit codes: 0 written, 1 could not write, 64 wrong use, 130 stopped by Ctrl-C (the unfinished file is removed).

Examples:
  footfall simulate --out day.stream --seed 7
  footfall simulate --out busy.stream --passers 800 --enters 15 --truth truth.json
  footfall replay day.stream`,
    )
    .action(simulate);
}

function isoDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text))
    throw new InvalidArgumentError(`expected a date such as 2026-03-02, received "${text}"`);
  return text;
}

function openHours(text: string): string {
  if (!/^\d{2}:\d{2}-\d{2}:\d{2}$/.test(text))
    throw new InvalidArgumentError(`expected hours such as 09:00-19:00, received "${text}"`);
  return text;
}

async function simulate(options: SimulateOptions): Promise<void> {
  const { createWriteStream, rmSync, writeFileSync } = await import('node:fs');
  const { DateTime } = await import('luxon');
  const { AgentError, reasonOf } = await import('../errors.ts');
  const { SimulatedStore } = await import('../../drivers/simulator/store.ts');
  const { StreamWriter } = await import('../../drivers/simulator/recorded-stream.ts');
  const { formatCount, formatDuration, formatPercent } = await import('./view/format.ts');

  const writeTruth = (path: string, text: string): void => {
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw new AgentError('truth_unwritable', `cannot write the truth: ${reasonOf(error)}`, 'Check the path.');
    }
  };
  const instant = (time: string): number => {
    const local = DateTime.fromISO(`${options.date}T${time}`, { zone: options.timeZone });
    if (local.isValid) return local.toMillis();
    throw new AgentError(
      'simulate_time',
      `expected a date, hours and a time zone that exist, received ${options.date} ${options.open} ${options.timeZone}`,
      'For example --date 2026-03-02 --open 09:00-19:00 --time-zone Europe/Prague',
    );
  };
  const [openMs, closeMs] = options.open.split('-').map(instant);
  const startMs = openMs - 15 * 60_000;
  const endMs = closeMs + 30 * 60_000;
  const store = new SimulatedStore({
    seed: options.seed,
    startMs,
    days: [{ openMs, closeMs }],
    sensors: SENSORS,
    ...(options.passers === undefined ? {} : { passersPerHour: options.passers }),
    ...(options.enters === undefined ? {} : { entersShare: options.enters / 100 }),
    ...(options.doorMiss === undefined ? {} : { doorMiss: options.doorMiss / 100 }),
  });
  const out = options.out as string;
  // Before the work, so that a day is not simulated in vain.
  if (options.truth !== undefined) writeTruth(options.truth, '');
  const stream = new StreamWriter(createWriteStream(out), {
    startMs,
    sensors: SENSORS,
  });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
  };
  process.once('SIGINT', stop);
  const progress = process.stderr.isTTY === true;
  let chunks = 0;
  for (let at = startMs; at < endMs && !stopped; ) {
    at = Math.min(at + 60_000, endMs);
    store.advance(at, (sensorId, timeMs, bytes) => {
      stream.write({ timeMs, sensorId, bytes });
      chunks++;
    });
    await stream.ready();
    if (progress) process.stderr.write(`\rsimulating ${formatPercent((at - startMs) / (endMs - startMs))} `);
  }
  await stream.end();
  process.removeListener('SIGINT', stop);
  if (progress) process.stderr.write('\r\u001b[K');
  if (stopped) {
    rmSync(out, { force: true });
    if (options.truth !== undefined) rmSync(options.truth, { force: true });
    process.exitCode = 130;
    return;
  }
  const { truth } = store;
  const told = {
    passers: truth.passers,
    entered: truth.entered,
    left: truth.left,
    entry_rate: truth.passers === 0 ? null : truth.entered / truth.passers,
    mean_dwell_ms: truth.stays === 0 ? null : Math.round(truth.staySumMs / truth.stays),
    staff_crossings: truth.staffCrossings,
    phones: truth.phones,
    sensors: Object.fromEntries(truth.sensors),
    hours: truth.hours,
    parameters: truth.parameters,
  };
  if (options.truth !== undefined) writeTruth(options.truth, `${JSON.stringify(told, null, 2)}\n`);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `${out}: ${formatCount(chunks)} chunks of bytes, ${formatDuration(endMs - startMs)} of a store with seed ${options.seed}\n` +
      `passed ${formatCount(told.passers)}, entered ${formatCount(told.entered)} (${formatPercent(told.entry_rate)}), ` +
      `mean dwell ${formatDuration(told.mean_dwell_ms)}\n`,
  );
}
