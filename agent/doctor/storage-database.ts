/** The database: is it sound, how full is its buffer, what was rejected, and what was set aside beside it. */
import type { Context, DatabaseReport } from './context.ts';
import type { Finding } from './finding.ts';
import { ChapterReport, countOf, sizeOf, spanOf } from './report.ts';
import { bytesOf, identityAt, setAsideIn, unfinishedAt } from './storage-files.ts';

const HOUR_MS = 3_600_000;
/** A buffer as full as this is told while there is time to mend what keeps it from draining. */
const NEARLY_FULL = 0.8;

type Looked = Exclude<DatabaseReport, { error: object }>;

const report = new ChapterReport('storage');

export async function* checkDatabase(context: Context, path: string): AsyncGenerator<Finding> {
  const { deps } = context;
  const check = { check: 'database', subject: path, tried: 'checked the database' };
  const answer = await deps.checkDatabase(path);
  if ('error' in answer) yield databaseError(context, path, answer.error);
  else if (answer.problems.length > 0) {
    const [first] = answer.problems;
    const found = `damaged: ${first}${answer.problems.length > 1 ? ` and ${answer.problems.length - 1} more` : ''}`;
    const mend =
      'The daemon sets it aside as soon as it meets the damage, keeps what can be read of it and goes on in a new one; the centre is told. The disk may be failing: sudo dmesg | tail';
    yield report.error(check, found, mend);
  } else {
    const held = countOf(answer.held, 'batch', 'batches');
    yield report.ok(check, `sound, ${sizeOf(answer.bytes)}, ${held} not yet acknowledged`);
    yield* tellBuffer(context, path, answer);
    yield* tellDeadLetters(context, path, answer);
  }
  yield* tellIdentity(context, path);
  yield* tellSetAside(context, path);
}

function databaseError(
  { machine }: Context,
  path: string,
  error: Extract<DatabaseReport, { error: object }>['error'],
): Finding {
  const check = { check: 'database', subject: path, tried: 'checked the database' };
  if (error.code === 'database_missing') return report.skipped(check, 'there is none yet');
  if (error.code === 'database_denied' && machine.user.uid !== 0) {
    return report.skipped(check, 'this user may not read it', 'Look again as root: sudo footfall doctor');
  }
  const mend = error.hint || `Keep a copy of ${path}, and see the log: journalctl -u footfall -n 100`;
  return report.error({ ...check, check: error.code }, error.message, mend);
}

/** How much of both bounds is used. The bound in hours goes by windows; by the clock it is near enough for people. */
function* tellBuffer({ settings, nowMs }: Context, path: string, looked: Looked): Generator<Finding> {
  if (settings === null) return;
  const { bufferBytes, bufferHours } = settings.storage;
  const { held, heldBytes, bytesPerWindow, oldestSealedMs, dropped } = looked;
  const check = { check: 'buffer', subject: path, tried: 'compared what is held with the bounds of the buffer' };
  const ageMs = oldestSealedMs === null ? 0 : Math.max(0, nowMs - oldestSealedMs);
  const boundMs = bufferHours * HOUR_MS;
  const parts = [`${sizeOf(heldBytes)} of ${sizeOf(bufferBytes)}`];
  if (held > 0) parts.push(`the oldest batch is ${spanOf(ageMs)} old, of ${spanOf(boundMs)} at most`);
  if (bytesPerWindow !== null && bytesPerWindow > 0) {
    const windows = Math.max(0, bufferBytes - heldBytes) / bytesPerWindow;
    const leftMs = Math.min(windows * settings.counting.windowMinutes * 60_000, Math.max(0, boundMs - ageMs));
    parts.push(`an outage of ${spanOf(leftMs)} more fits`);
  }
  if (dropped > 0) parts.push(`${countOf(dropped, 'batch', 'batches')} dropped so far, as the gap records tell`);
  const found = parts.join('; ');
  const mend =
    'Find out why they are not delivered: footfall doctor --only broker. Beyond the bounds the oldest are dropped and the centre is told; a larger buffer is "buffer_mib" and "buffer_hours" under "storage".';
  const full = Math.max(heldBytes / bufferBytes, ageMs / boundMs) >= NEARLY_FULL;
  yield full ? report.warning(check, found, mend) : report.ok(check, found);
}

function* tellDeadLetters({ daemon }: Context, path: string, { deadLetters }: Looked): Generator<Finding> {
  if (deadLetters === 0) return;
  // The daemon tells this itself, as one of its reasons.
  if ('document' in daemon && daemon.document.verdict.reasons.some(({ code }) => code === 'batches_rejected')) return;
  const dead = { check: 'dead_letters', subject: path, tried: 'looked for rejected batches' };
  const found = `${countOf(deadLetters, 'batch', 'batches')} rejected by the collector or found damaged`;
  const mend =
    'See them with the reasons: footfall buffer list. Once the cause is mended: footfall buffer resend, or footfall buffer drop';
  yield report.warning(dead, found, mend);
}

async function* tellIdentity({ machine }: Context, path: string): AsyncGenerator<Finding> {
  const file = `${path}.identity`;
  const check = { check: 'database_identity', subject: file, tried: 'read what it says of the database' };
  const identity = await identityAt(machine, path);
  if (identity === null) return;
  if (identity === 'damaged') {
    const mend =
      'Leave it: the daemon writes it anew with the next window. If that does not help, see why: sudo dmesg | tail';
    return void (yield report.warning(check, 'damaged: it says nothing that makes sense', mend));
  }
  const { epochs, sealedThrough } = identity;
  const last = epochs[epochs.length - 1];
  yield report.ok(check, `epoch ${last.epoch} since sequence ${last.from}, sealed through ${sealedThrough}`);
}

async function* tellSetAside({ machine, daemon }: Context, path: string): AsyncGenerator<Finding> {
  const unfinished = 'document' in daemon ? null : await unfinishedAt(machine, path);
  if (unfinished !== null) {
    const check = { check: 'quarantine_unfinished', subject: path, tried: 'looked for a database being set aside' };
    const found = `it was begun and not finished (what was found: ${unfinished})`;
    yield report.warning(check, found, 'The next start of the daemon finishes it: sudo systemctl restart footfall');
  }
  const kept = await setAsideIn(machine, path);
  if (kept.length === 0) return;
  const check = { check: 'quarantine', subject: path, tried: 'looked for databases that were set aside' };
  const each = kept.map((one) => {
    return `${one.files[0].path} (${sizeOf(bytesOf(one))}, last written ${new Date(one.modifiedMs).toISOString().slice(0, 16)}Z)`;
  });
  const found = `${countOf(kept.length, 'database')} could not be used: ${each.join(', ')}`;
  const files = kept.flatMap((one) => one.files.map((file) => file.path));
  const mend = `Counting went on in a new one with what could be read, and the centre was told what could not. See whether the disk is failing (sudo dmesg | tail). Keep a copy if somebody is to look into it; then: sudo rm ${files.join(' ')}`;
  yield report.warning(check, found, mend);
}
