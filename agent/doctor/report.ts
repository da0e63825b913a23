/** How a chapter writes its findings. */
import type { Chapter, Finding } from './finding.ts';

/** What every finding has, whatever its outcome. */
export interface Check {
  check: string;
  /** Empty where there is only one. */
  subject?: string;
  tried: string;
}

/** The findings of one chapter; what is mended is said exactly where something is to be mended. */
export class ChapterReport {
  readonly #chapter: Chapter;

  constructor(chapter: Chapter) {
    this.#chapter = chapter;
  }

  ok(check: Check, found: string): Finding {
    return this.#finding('ok', check, found, '');
  }

  warning(check: Check, found: string, mend: string): Finding {
    return this.#finding('warning', check, found, mend);
  }

  error(check: Check, found: string, mend: string): Finding {
    return this.#finding('error', check, found, mend);
  }

  /** Not looked at, and why; `mend` says how it could be. */
  skipped(check: Check, found: string, mend = ''): Finding {
    return this.#finding('skipped', check, found, mend);
  }

  #finding(outcome: Finding['outcome'], { check, subject = '', tried }: Check, found: string, mend: string): Finding {
    return { chapter: this.#chapter, check, subject, outcome, tried, found, mend };
  }
}

/** `512 MiB`, `12.3 GiB`, as `footfall status` counts. */
export function sizeOf(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return bytes >= 2 ** 20 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${Math.round(bytes / 2 ** 10)} KiB`;
}

/** The largest unit alone: `45 s`, `3 min`, `4 h`, `12 days`. */
export function spanOf(ms: number): string {
  const seconds = Math.abs(ms) / 1_000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** `0640`. */
export function modeOf(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** `1 port`, `2 ports`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
