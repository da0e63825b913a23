/** How much of a disk's life is used up, as far as the device tells. */
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { factsAt, type Machine, textOf } from './machine.ts';
import { ChapterReport } from './report.ts';

const WORN_PERCENT = 80;
const WORN_OUT_PERCENT = 100;
/** PRE_EOL_INFO of an eMMC (JEDEC JESD84-B51, EXT_CSD 267): reserved blocks used up to 80 %, to 90 %. */
const PRE_END = { warning: 2, urgent: 3 };

interface Wear {
  /** At least this much of its life is used; null where only a warning is known. */
  percent: number | null;
  /** What the device itself says. */
  state: 'well' | 'warning' | 'urgent';
}

const report = new ChapterReport('storage');

export async function* checkWear({ machine }: Context, place: string): AsyncGenerator<Finding> {
  const device = await blockDeviceOf(machine, place);
  if (device === null) return;
  const check = { check: 'wear', subject: `/dev/${device}`, tried: 'asked the disk for its wear' };
  const wear = device.startsWith('mmcblk') ? await readEmmc(machine, device) : await askSmart(machine, device);
  if (wear === null) return void (yield report.skipped(check, 'it does not tell'));
  const found =
    wear.percent === null ? `the device reports "${wear.state}"` : `up to ${wear.percent} % of its life used`;
  const mend = 'Replace it soon: counts are lost when it fails.';
  if (wear.state === 'urgent' || (wear.percent ?? 0) >= WORN_OUT_PERCENT) yield report.error(check, found, mend);
  else if (wear.state === 'warning' || (wear.percent ?? 0) >= WORN_PERCENT) yield report.warning(check, found, mend);
  else yield report.ok(check, found);
}

/** The whole disk that holds a path, as `mmcblk0`; null for tmpfs, overlays and the like. */
async function blockDeviceOf(machine: Machine, place: string): Promise<string | null> {
  const facts = await factsAt(machine, place);
  if (facts === null || facts.heldBy.startsWith('0:')) return null;
  const node = await machine.realpath(`/sys/dev/block/${facts.heldBy}`).catch(() => null);
  if (node === null) return null;
  const steps = node.split('/');
  // A partition stands in the directory of its disk.
  const partition = (await textOf(machine, `${node}/partition`)) !== null;
  return (partition ? steps.at(-2) : steps.at(-1)) ?? null;
}

/** DEVICE_LIFE_TIME_EST of an eMMC (JESD84-B51, EXT_CSD 268 and 269): tenths of its life, 0x0b beyond it. SD cards have none. */
async function readEmmc(machine: Machine, device: string): Promise<Wear | null> {
  const [life, end] = await Promise.all([
    textOf(machine, `/sys/block/${device}/device/life_time`),
    textOf(machine, `/sys/block/${device}/device/pre_eol_info`),
  ]);
  const tenths = [...(life ?? '').matchAll(/0x[0-9a-f]+/gi)]
    .map(([value]) => Number(value))
    .filter((value) => value > 0);
  const urgency = Number(end?.trim() ?? 0);
  if (tenths.length === 0 && !(urgency > 0)) return null;
  const state = urgency >= PRE_END.urgent ? 'urgent' : urgency === PRE_END.warning ? 'warning' : 'well';
  return { percent: tenths.length === 0 ? null : Math.max(...tenths) * 10, state };
}

/** Needs root and smartmontools; without either nothing is known. */
async function askSmart(machine: Machine, device: string): Promise<Wear | null> {
  const { code, out } = await machine.run('smartctl', ['--json', '--health', '--attributes', `/dev/${device}`], 10_000);
  // The exit code's bits tell of findings too (smartctl(8)); only the first two mean that there is nothing to read.
  if (code === null || (code & 0b11) !== 0) return null;
  let told: { smart_status?: { passed?: boolean }; nvme_smart_health_information_log?: { percentage_used?: number } };
  try {
    told = JSON.parse(out);
  } catch {
    return null;
  }
  const passed = told.smart_status?.passed;
  const percent = told.nvme_smart_health_information_log?.percentage_used ?? null;
  if (passed === undefined && percent === null) return null;
  return { percent, state: passed === false ? 'urgent' : 'well' };
}
