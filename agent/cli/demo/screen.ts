/** The demo's live view: a screen of its own on a terminal, a line a simulated hour elsewhere. */
import type { WriteStream } from 'node:tty';
import type { Truth } from '../../../drivers/simulator/store.ts';
import type { StatusDocument } from '../../local/document.ts';
import { formatCount, formatDate, formatPercent, formatTime, localHour } from '../view/format.ts';
import { LiveScreen } from '../view/live-screen.ts';
import { renderStatus } from '../view/status.ts';
import { painter, terminalOf } from '../view/style.ts';
import type { StoreDay } from './store-day.ts';

export interface Screen {
  /** True once every `ms` of wall time. */
  due(ms: number): boolean;
  draw(status: StatusDocument, truth: Truth): void;
  /** Restores the terminal; safe to call again. */
  close(): void;
  /** What was on the screen last, to be left behind. */
  readonly last: string;
}

export interface ScreenOptions {
  day: StoreDay;
  speed: number;
  quiet: boolean;
}

export function createScreen(stream: WriteStream, options: ScreenOptions): Screen {
  const live = stream.isTTY === true && !options.quiet;
  const screen = new LiveScreen(stream);
  let drawn = 0;
  let hour = -1;
  let last = '';
  return {
    due(ms) {
      if (performance.now() - drawn < ms) return false;
      drawn = performance.now();
      return true;
    },
    draw(status, truth) {
      if (options.quiet) return;
      if (!live) {
        const now = localHour(status.at_ms, status.time_zone);
        if (now !== hour) stream.write(`${hourLine(status, truth)}\n`);
        hour = now;
        return;
      }
      const terminal = terminalOf(stream, process.env);
      last = `${header(status, options, terminal)}\n\n${renderStatus(status, terminal)}\n${against(status, truth, terminal)}\n`;
      screen.draw(last, terminal);
    },
    close() {
      screen.close();
    },
    get last() {
      return last;
    },
  };
}

function header(
  status: StatusDocument,
  { day, speed }: ScreenOptions,
  { width, colour }: { width: number; colour: boolean },
): string {
  const paint = painter(colour);
  const share = (status.at_ms - day.startMs) / (day.endMs - day.startMs);
  const text = `FOOTFALL DEMO  ${formatDate(status.today.date)} ${formatTime(status.at_ms, status.time_zone, status.at_ms)}  ×${speed}  `;
  const bar = Math.max(0, Math.min(24, width - text.length));
  const filled = Math.round(Math.min(1, share) * bar);
  return `${paint('strong', text)}${'━'.repeat(filled)}${paint('dim', '─'.repeat(bar - filled))}`;
}

function against(status: StatusDocument, truth: Truth, { colour }: { colour: boolean }): string {
  const paint = painter(colour);
  return `${paint('dim', 'SIMULATED')}  passed ${formatCount(truth.passers)}  entered ${formatCount(truth.entered)} and ${formatCount(truth.staffEntered)} staff  inside ${formatCount(truth.inside + truth.staffInside)}  ${paint('dim', `counted in ${formatCount(status.today.entries)}`)}`;
}

function hourLine(status: StatusDocument, truth: Truth): string {
  const { today } = status;
  return (
    `${formatTime(status.at_ms, status.time_zone, status.at_ms)}  entries ${formatCount(today.entries)} of ${formatCount(truth.entered + truth.staffEntered)} true  ` +
    `passing ${formatCount(today.passing_people)} of ${formatCount(truth.passers)}  entry rate ${formatPercent(today.entry_rate)}  ` +
    `inside ${formatCount(today.occupancy)}  sealed ${status.buffer.sealed_through}  held ${status.buffer.held}`
  );
}
