/** The daemon: whether it answers, what it says is wrong, and how it ended where it does not run. */
import type { StatusDocument } from '../local/document.ts';
import { VERSION } from '../version.ts';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { ChapterReport, spanOf } from './report.ts';

const DAY_MS = 86_400_000;
const UNORDERLY = ['failed', 'crashed', 'killed', 'watchdog'];

const report = new ChapterReport('daemon');

export async function* checkDaemon(context: Context): AsyncGenerator<Finding> {
  const { daemon, socket } = context;
  const check = { check: 'daemon_answers', tried: `asked ${socket}` };
  if ('error' in daemon) {
    const { code, message, hint } = daemon.error;
    const mend = hint || 'See its log: journalctl -u footfall -n 100';
    // Whoever may not ask learns nothing of how the daemon is.
    if (code === 'socket_denied') return void (yield report.warning(check, message, mend));
    yield report.error({ ...check, check: code }, message, mend);
    yield* await lastRun(context);
    return;
  }
  const { document, tookMs } = daemon;
  const age = spanOf(document.at_ms - document.started_ms);
  yield report.ok(check, `answered in ${Math.max(1, Math.round(tookMs))} ms; runs for ${age}`);
  yield checkVersion(document);
  yield* tellReasons(document);
  yield* tellLastEnd(document);
}

async function lastRun({ deps, nowMs, storageDirectory, runtimeDirectory }: Context): Promise<Finding[]> {
  const known = await deps.lastKnown({ storageDirectory, runtimeDirectory }).catch(() => null);
  if (known?.waiting) {
    const { at_ms: since, message, hint } = known.waiting;
    const waits = { check: 'daemon_waits', tried: 'looked for why it does not count yet' };
    const found = `it runs and tries to begin for ${spanOf(nowMs - since)}: ${message}`;
    return [report.error(waits, found, hint || 'See its log: journalctl -u footfall -n 100')];
  }
  const check = { check: 'last_run', tried: 'looked for how the last run ended' };
  if (!known?.end) return [report.skipped(check, 'no run is known')];
  const { how, message, hint } = known.end;
  if (!UNORDERLY.includes(how)) return [report.ok(check, message)];
  return [report.error(check, message, hint || 'See its log: journalctl -u footfall -n 100')];
}

function checkVersion({ version }: StatusDocument): Finding {
  const check = { check: 'daemon_version', tried: 'compared releases' };
  if (version === VERSION) return report.ok(check, `the daemon runs ${version}, as this command`);
  const found = `the daemon runs ${version}, this command is ${VERSION}`;
  return report.warning(check, found, 'Restart it: sudo systemctl restart footfall');
}

/** The same reasons as `footfall status`, so that both agree: an error is what keeps the box from counting. */
function* tellReasons({ verdict }: StatusDocument): Generator<Finding> {
  const tried = 'asked what is wrong';
  if (verdict.state === 'counting' && verdict.reasons.length === 0) {
    yield report.ok({ check: 'verdict', tried }, 'nothing: it is counting');
  }
  const tell = verdict.state === 'not_counting' ? report.error.bind(report) : report.warning.bind(report);
  for (const { code, subject, message, hint } of verdict.reasons) {
    yield tell({ check: code, subject, tried }, message, hint || 'See more: footfall status');
  }
}

function* tellLastEnd({ box, started_ms, at_ms }: StatusDocument): Generator<Finding> {
  const end = box?.last_end;
  if (!end || !UNORDERLY.includes(end.how) || at_ms - started_ms > DAY_MS) return;
  const check = { check: 'last_run', tried: 'asked how the run before ended' };
  yield report.warning(check, end.message, end.hint || 'See its log: journalctl -u footfall -n 200');
}
