import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

export interface Figures {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Counts a run. What fails outside a test counts as a failure too: a file that cannot be loaded, a hook of a suite, an
 * error that nobody caught, a run that was broken off.
 */
export function figuresOf(
  modules: readonly TestModule[],
  unhandled: readonly SerializedError[],
  reason: TestRunEndReason,
): Figures {
  const figures = { passed: 0, failed: unhandled.length + (reason === 'interrupted' ? 1 : 0), skipped: 0 };
  for (const module of modules) {
    figures.failed += module.errors().length;
    for (const suite of module.children.allSuites()) figures.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // Pending: the run ended before it.
      figures[state === 'pending' ? 'skipped' : state] += 1;
    }
  }
  return figures;
}

/** Writes `passed failed skipped` of the run to the file named by FOOTFALL_FIGURES, for scripts/test. */
export default class FiguresReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[], reason: TestRunEndReason): void {
    const path = process.env.FOOTFALL_FIGURES;
    if (path === undefined) return;
    const { passed, failed, skipped } = figuresOf(modules, unhandled, reason);
    writeFileSync(path, `${passed} ${failed} ${skipped}\n`);
  }
}
