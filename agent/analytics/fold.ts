/**
 * The pure fold of all inputs into sealed windows: no clock, no files, integers summed in any order. Its laws:
 * advance(t1) then advance(t2) equals advance(t2) for steps of up to two days; rows may be cut into batches anywhere; a
 * snapshot restored anywhere goes on as if nothing had happened. Time moves only what lags by the grace: a UTC minute is
 * evaluated, and a window sealed, once `at` is the grace past its end. Only a correction of the clock moves time back, and
 * it seals what is open at once.
 */
import { CLOCK_TRUST, type ClockChange, type ClockTrust, type InputBatch, InputKind } from '../readings.ts';
import { Advertisers } from './advertisers.ts';
import { Calendar, type LocalDay } from './calendar.ts';
import { Calibration } from './calibration.ts';
import { Correction } from './correction.ts';
import { addToToday, copyToday, createToday, type LiveFigures, todayFigures } from './live.ts';
import type { Parameters } from './parameters.ts';
import type { SealedWindow, WindowRecord } from './records.ts';
import { RowCounter } from './rows.ts';
import { evidenceOf, summarise, windowRecords } from './sealing.ts';
import { addToDay, createDay, occupancyRecord, settle } from './settlement.ts';
import { Smoothing } from './smoothing.ts';
import { createFoldState, type FoldState, readState, writeState } from './state.ts';
import { Traffic } from './traffic.ts';
import { MINUTE_MS, OpenWindows, type WindowState } from './windows.ts';

/** A longer step of time is a jump: what is open is sealed, and the windows in between are skipped. */
const JUMP_MS = 2 * 24 * 3_600_000;
/** A business day of more windows than this is settled early: only a clock that is set back for ever makes one. */
const MAX_DAY_WINDOWS = 4_000;
/** The ordinals before the first ones. */
const FIRST = { ordinal: 0, window: 0 } as const;

/** How a window is sealed before its time. */
interface SealEarly {
  /** Milliseconds by which its times were corrected; null where they were not. */
  correctedMs: number | null;
  /** The day is settled with it, whatever the hour. */
  settles: boolean;
  /** Records of a day that was settled without it. */
  settled: WindowRecord[];
}

const AT_ITS_END: SealEarly = { correctedMs: null, settles: false, settled: [] };

export class Fold {
  /** Version of the snapshot's bytes and of their meaning. */
  static readonly version = 1;

  readonly #state: FoldState;
  readonly #windows: OpenWindows;
  readonly #traffic: Traffic;
  readonly #advertisers: Advertisers;
  readonly #smoothing: Smoothing;
  readonly #calibration: Calibration;
  readonly #rows: RowCounter;
  #sealed: SealedWindow[] = [];
  /** `at` from which the next minute is evaluated. */
  #due = 0;
  #settlement: LocalDay;

  private constructor(state: FoldState, windows: OpenWindows, traffic: Traffic, advertisers: Advertisers) {
    this.#state = state;
    this.#windows = windows;
    this.#traffic = traffic;
    this.#advertisers = advertisers;
    this.#smoothing = new Smoothing(state.estimates);
    this.#calibration = new Calibration(state.calibration);
    this.#rows = new RowCounter(state, windows, traffic, advertisers);
    this.#settlement = this.#nextSettlement();
    this.#schedule();
  }

  /**
   * An empty state, time starting at `at`: the window that holds it is partial, as its coverage shows.
   * @param after the last ordinals in use, where the database has a past whose state is lost: row and window ordinals go
   *   on behind them, so that no record's key is used twice.
   */
  static start(parameters: Parameters, at: number, after: { ordinal: number; window: number } = FIRST): Fold {
    const windows = new OpenWindows();
    windows.restart(at, parameters);
    const { date } = new Calendar(parameters).day(at);
    const state = createFoldState(parameters, at, createToday(date), createDay());
    state.ordinal = after.ordinal;
    state.windowOrdinal = after.window;
    return new Fold(state, windows, new Traffic(), new Advertisers());
  }

  /** The state a snapshot was taken of. Throws a SnapshotError for another version or damaged bytes. */
  static restore(body: Uint8Array): Fold {
    const { state, windows, traffic, advertisers } = readState(Fold.version, body);
    return new Fold(state, windows, traffic, advertisers);
  }

  /** Equal states give equal bytes. Sealed windows are not part of it: take them first. */
  snapshot(): Uint8Array {
    return writeState(Fold.version, this.#state, this.#windows, this.#traffic, this.#advertisers);
  }

  /** Ordinal of the last row applied; 0 for none. */
  get ordinal(): number {
    return this.#state.ordinal;
  }

  get at(): number {
    return this.#state.at;
  }

  /** The newest parameters, those that wait for the next window included. */
  get parameters(): Parameters {
    return this.#state.newest;
  }

  /** How far the wall clock can be trusted, as last told; null until anything is known of it. */
  get clockTrust(): ClockTrust | null {
    return this.#windows.clock;
  }

  /** Id of the key that the hashes in the state were made with; 0 before the first. */
  get key(): number {
    return this.#state.key;
  }

  get warmingUp(): boolean {
    return this.#windows.oldest.start < this.#state.warmUpUntil;
  }

  /**
   * Flags the windows that start before `until` as warm-up, for a state rebuilt without its snapshot; by default up to
   * the next settlement, because until then the occupancy lacks who was inside.
   */
  markWarmUp(until: number = this.#settlement.settlement): void {
    this.#state.warmUpUntil = until;
  }

  /** Applies rows [from, to) that were not applied yet, each after advancing to its `at`. */
  apply(batch: InputBatch, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      const ordinal = batch.firstOrdinal + row;
      if (ordinal <= this.#state.ordinal) continue;
      this.advance(batch.at[row]);
      if (batch.kind[row] === InputKind.clock) this.#takeClock(batch, row);
      else this.#rows.apply(batch, row);
      this.#state.ordinal = ordinal;
    }
  }

  /** Moves time: evaluates minutes and seals windows that are due. A time before the last one is ignored. */
  advance(at: number): void {
    const state = this.#state;
    if (!(at > state.at)) return;
    if (at - state.at > JUMP_MS) this.#jump(at);
    state.at = at;
    while (at >= this.#due) this.#step();
  }

  /** The windows sealed since the last call. */
  takeSealed(): SealedWindow[] {
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed;
  }

  /** Figures for people, now. */
  live(): LiveFigures {
    const { at } = this.#state;
    const { date } = this.#rows.calendar.day(at);
    let today = this.#state.today.date === date ? copyToday(this.#state.today) : createToday(date);
    let { occupancy } = this.#state;
    let aheadMs = 0;
    for (const window of this.#windows.states) {
      const summary = summarise(window, occupancy, this.#rows.bindings, this.#calibration);
      occupancy = summary.occupancy.atEnd;
      aheadMs = Math.max(0, window.end - at);
      if (this.#rows.calendar.day(window.start).date === date) {
        today = addToToday(today, window, summary, this.#rows.calendar);
      }
    }
    const { start, end } = this.#windows.oldest;
    const { bleScope } = this.#rows.bindings;
    const lastMinute = Math.floor(at / MINUTE_MS) - 1;
    const ble = bleScope === null ? null : this.#advertisers.heardIn(lastMinute, bleScope);
    const people = this.#smoothing.estimates[0] ?? null;
    return {
      today: todayFigures(today, { occupancy, people, ble, aheadMs }, this.#rows.bindings, this.#calibration),
      window: { ordinal: this.#state.windowOrdinal + 1, start_ms: start, end_ms: end },
      devices: this.#traffic.table.size,
      untracked: this.#traffic.untracked,
    };
  }

  /** Evaluates the next minute, and seals the window it completes. */
  #step(): void {
    this.#evaluate();
    if (this.#rows.cursorMs >= this.#windows.oldest.end) this.#seal();
    this.#schedule();
  }

  #evaluate(): void {
    const state = this.#state;
    const window = this.#windows.oldest;
    const present = this.#traffic.evaluate(state.minute, window);
    this.#advertisers.evaluate(state.minute, window);
    this.#smoothing.minute(state.minute, present, this.#calibration.factor, window);
    if (this.#rows.calendar.isOpen(this.#rows.cursorMs)) window.openMinutes++;
    state.minute++;
    this.#rows.cursorMs = state.minute * MINUTE_MS;
  }

  #schedule(): void {
    const { start, parameters } = this.#windows.oldest;
    const minute = this.#state.minute * MINUTE_MS;
    // Behind a corrected clock the window begins within a minute.
    this.#rows.cursorMs = Math.max(minute, start);
    this.#due = minute + MINUTE_MS + parameters.graceMs;
  }

  #baseOf({ start, end, parameters }: WindowState) {
    const { store, id } = parameters;
    return { store, rev: 1, window: this.#state.windowOrdinal + 1, start_ms: start, end_ms: end, parameters: id };
  }

  #seal({ correctedMs, settles, settled }: SealEarly = AT_ITS_END): void {
    const state = this.#state;
    const window = this.#windows.oldest;
    const { start, end, parameters } = window;
    const base = this.#baseOf(window);
    const ordinal = ++state.windowOrdinal;
    const summary = summarise(window, state.occupancy, this.#rows.bindings, this.#calibration);
    const records = windowRecords(window, base, summary, this.#rows.bindings, this.#calibration);
    const warmUp = this.warmingUp;
    const evidence = warmUp ? null : evidenceOf(window, this.#rows.bindings);
    if (evidence !== null) {
      this.#calibration.teach({ ...evidence, personMinutes: summary.occupancy.occupancyMs / MINUTE_MS });
    }
    const sensors = this.#rows.bindings.parameters.sensors.map(({ index }) => index);
    addToDay(state.day, ordinal, window, summary, evidence, sensors);
    state.today = addToToday(state.today, window, summary, this.#rows.calendar);
    state.occupancy = summary.occupancy.atEnd;
    if (this.#rows.bindings.hasDoor) {
      records.unshift(occupancyRecord(state.day.windows[state.day.windows.length - 1], parameters.store, 1));
    }
    const due = end >= this.#settlement.settlement || state.day.windows.length >= MAX_DAY_WINDOWS;
    if (due || settles) settled = [...settled, ...this.#settleDay(base, settles)];
    this.#sealed.push({
      ordinal,
      startMs: start,
      endMs: end,
      skipped: state.skipped,
      warmUp,
      clock: window.clock ?? 'unknown',
      correctedMs,
      records: [...records, ...settled],
    });
    state.skipped = 0;
    this.#openNext(window);
  }

  #settleDay(base: { store: string; window: number; parameters: string }, jumps: boolean): WindowRecord[] {
    const state = this.#state;
    const local = this.#settlement;
    const { day, visitors, revised } = settle(state.day, local, base, this.#rows.bindings, this.#calibration);
    // A store that is open round the clock has people inside at its settlement; any other one is empty.
    if (jumps || !this.#rows.calendar.isOpen(local.settlement)) state.occupancy = 0;
    state.day = createDay();
    state.settledAt = local.settlement;
    state.settledDate = local.date;
    this.#settlement = this.#nextSettlement();
    return [day, ...(visitors === null ? [] : [visitors]), ...revised];
  }

  #openNext(sealed: WindowState): void {
    const { states } = this.#windows;
    states.shift();
    if (states.length === 0) this.#windows.append(sealed.end, this.#state.newest, sealed.parameters);
    const { parameters } = this.#windows.oldest;
    if (parameters === sealed.parameters) return;
    this.#rows.calendar = new Calendar(parameters);
    this.#settlement = this.#nextSettlement();
  }

  /** Seals what is open as if its time had passed, and goes on in the window that holds `at`. */
  #jump(at: number): void {
    const state = this.#state;
    const last = this.#rows.windowAt(state.at);
    for (let sealed = false; !sealed; ) {
      const window = this.#windows.oldest;
      sealed = window === last;
      while (this.#rows.cursorMs < window.end) this.#evaluate();
      if (sealed) this.#traffic.expire(window);
      if (sealed) this.#advertisers.table.clear();
      this.#seal({ ...AT_ITS_END, settles: sealed });
    }
    const expected = this.#windows.oldest.start;
    this.#windows.restart(at, state.newest);
    const { start, end, parameters } = this.#windows.oldest;
    state.skipped = Math.max(0, Math.round((start - expected) / (end - start)));
    state.minute = Math.floor(at / MINUTE_MS);
    state.settledAt = at;
    this.#smoothing.estimates.length = 0;
    this.#rows.calendar = new Calendar(parameters);
    this.#settlement = this.#nextSettlement();
    this.#schedule();
  }

  /** The wall clock: how far it can be trusted from here on, and whether time was wrong up to here. */
  #takeClock(batch: InputBatch, row: number): void {
    const { at } = this.#state;
    const trust = CLOCK_TRUST[batch.flags[row]] ?? 'unknown';
    const change = batch.payloads.get(row);
    if (change !== undefined) this.#correct(new Correction(JSON.parse(change) as ClockChange, this.#state));
    else this.#rows.windowAt(at);
    this.#windows.trustClock(trust, this.#state.at);
  }

  /** Seals what is open and goes on under the corrected clock. */
  #correct(correction: Correction): void {
    const state = this.#state;
    const { before, after, restarted } = correction;
    // Up to the cut, without the window that begins there.
    this.#rows.windowAt(before - 1);
    const open = [...this.#windows.states];
    // What is open may be of the clock before a restart, and then of its day too.
    const parted = correction.partsFrom(state.day, before);
    const early = parted && !restarted ? this.#settleDay(this.#baseOf(open[0]), true) : [];
    if (!restarted) this.#correctDay(correction, parted ? open[0].start : state.settledAt);
    for (const window of open) {
      while (this.#rows.cursorMs < Math.min(window.end, before)) this.#evaluate();
      const last = window === open.at(-1);
      if (last && restarted) this.#traffic.changeKey(window);
      const correctedMs = correction.window(window);
      this.#seal({ correctedMs, settles: last && restarted && parted, settled: window === open[0] ? early : [] });
    }
    if (restarted) this.#correctDay(correction, state.settledAt);
    correction.counters(state.counters);
    this.#traffic.correct(before, after);
    this.#advertisers.table.clear();
    state.clockSince = correction.since;
    state.warmUpUntil += correction.deltaMs;
    state.at = after;
    state.minute = Math.floor(after / MINUTE_MS);
    this.#windows.clock = null;
    this.#windows.restartWithin(after, state.newest);
    this.#rows.calendar = new Calendar(this.#windows.oldest.parameters);
    // What was due by now was settled above; a day between it and now was never counted.
    if (this.#nextSettlement().settlement <= after) state.settledAt = after;
    this.#settlement = this.#nextSettlement();
    this.#schedule();
  }

  /** The business day goes on under the corrected clock; a date is settled again where its business is not over after all. */
  #correctDay(correction: Correction, settledAt: number): void {
    const state = this.#state;
    correction.day(state.day);
    state.settledAt = correction.time(settledAt);
    if (this.#rows.calendar.businessDay(correction.after).date <= state.settledDate) state.settledDate = '';
    this.#settlement = this.#nextSettlement();
  }

  #nextSettlement(): LocalDay {
    return this.#rows.calendar.nextSettlement(this.#state.settledAt, this.#state.settledDate);
  }
}
