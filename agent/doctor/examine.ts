/** The examination: every chapter at once, their findings in the order of the report, each as soon as it is there. */
import { reasonOf } from '../errors.ts';
import { checkClock } from './clock-chapter.ts';
import { type Context, type DoctorDeps, type DoctorOptions, gather } from './context.ts';
import { checkDaemon } from './daemon-chapter.ts';
import { CHAPTERS, type Chapter, type Finding } from './finding.ts';
import { checkNetwork } from './network-chapter.ts';
import { withoutAddressesIn } from './privacy.ts';
import { checkProgram } from './program-chapter.ts';
import { checkRadio } from './radio-chapter.ts';
import { ChapterReport } from './report.ts';
import { checkSensors } from './sensors-chapter.ts';
import { checkSettingsFile } from './settings-chapter.ts';
import { checkStorage } from './storage-chapter.ts';
import { checkUplink } from './uplink-chapter.ts';

/** No chapter takes longer; the slowest waits 10 s for a collector, behind the time limits of its connection. */
const CHAPTER_LIMIT_MS = 90_000;

export type ChapterCheck = (context: Context) => AsyncIterable<Finding>;

const CHECKS: Record<Chapter, ChapterCheck> = {
  program: checkProgram,
  settings: checkSettingsFile,
  daemon: checkDaemon,
  sensors: checkSensors,
  radio: checkRadio,
  network: checkNetwork,
  broker: checkUplink,
  storage: checkStorage,
  clock: checkClock,
};

/**
 * Examines this box. A chapter that fails by a fault of our own, or takes too long, gives the finding `not_examined` and
 * leaves the others alone. No finding holds a hardware address.
 */
export async function* examine(options: DoctorOptions, deps: DoctorDeps): AsyncGenerator<Finding> {
  const running = new Set(CHAPTERS.filter((chapter) => options.chapters?.includes(chapter) ?? true));
  options.onProgress?.([...running]);
  const context = await gather(options, deps);
  const streams = [...running].map((chapter) => {
    const stream = new Stream();
    const finish = () => {
      stream.end();
      if (running.delete(chapter)) options.onProgress?.([...running]);
    };
    const late = context.clock.after(CHAPTER_LIMIT_MS, () => {
      stream.push(notExamined(chapter, `it took longer than ${CHAPTER_LIMIT_MS / 1_000} s`));
      finish();
    });
    void pump(chapter, context, stream).finally(() => {
      late.cancel();
      finish();
    });
    return stream;
  });
  const endAll = () => {
    for (const stream of streams) stream.end();
  };
  options.signal?.addEventListener('abort', endAll, { once: true });
  try {
    for (const stream of streams) {
      for await (const finding of stream.read()) {
        if (options.signal?.aborted) return;
        yield withoutAddressesIn(finding);
      }
    }
  } finally {
    options.signal?.removeEventListener('abort', endAll);
    endAll();
  }
}

/** 0 all well, 1 warnings only, 2 errors, 3 what could not be examined is all that is wrong. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 | 3 {
  const errors = findings.filter(({ outcome }) => outcome === 'error');
  if (errors.length > 0) return errors.every(({ check }) => check === 'not_examined') ? 3 : 2;
  return findings.some(({ outcome }) => outcome === 'warning') ? 1 : 0;
}

async function pump(chapter: Chapter, context: Context, stream: Stream): Promise<void> {
  try {
    for await (const finding of CHECKS[chapter](context)) {
      if (stream.ended) return;
      stream.push(finding);
    }
  } catch (error) {
    stream.push(notExamined(chapter, reasonOf(error)));
  }
}

function notExamined(chapter: Chapter, reason: string): Finding {
  return new ChapterReport(chapter).error(
    { check: 'not_examined', tried: `examined ${chapter}` },
    `could not be finished: ${reason}`,
    'Try again; if it stays, send the output of: footfall support-bundle',
  );
}

/** A queue of findings that is read while it is being filled. */
class Stream {
  readonly #waiting: Finding[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  get ended(): boolean {
    return this.#ended;
  }

  push(finding: Finding): void {
    if (this.#ended) return;
    this.#waiting.push(finding);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<Finding> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
