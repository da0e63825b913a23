import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LedgerRun, OpenOwner, type Step } from './ledger.fixture.ts';
import type { OwnerOptions } from './owner.ts';
import type { Gap, WindowClose } from './storage.ts';

const BOUNDS = { bytes: 12_000, windows: 14 };
/** Mostly never; else at one of the rows that a step changes. */
const crash = fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(14) });
const some = { from: fc.double({ min: 0, max: 0.99, noNaN: true }), count: fc.integer({ min: 1, max: 6 }), crash };
const close = fc.record({
  do: fc.constant('close' as const),
  batches: fc.array(fc.integer({ min: 40, max: 2_500 }), { minLength: 1, maxLength: 3 }),
  tell: fc.constantFrom('fresh' as const, 'stale' as const, 'none' as const),
  replace: fc.boolean(),
  repeat: fc.boolean(),
  crash,
});
const move = (what: 'acknowledge' | 'reject' | 'conflict' | 'resend' | 'drop') =>
  fc.record({ do: fc.constant(what), ...some });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: close },
    { weight: 2, arbitrary: move('acknowledge') },
    { weight: 2, arbitrary: move('reject') },
    { weight: 1, arbitrary: move('conflict') },
    { weight: 1, arbitrary: move('resend') },
    { weight: 1, arbitrary: move('drop') },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('damage' as const), from: some.from }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), machine: fc.nat(1) }) },
  ),
  { minLength: 10, maxLength: 70 },
);

function ledger(make?: (options: OwnerOptions) => OpenOwner): fc.IProperty<[Step[]]> {
  return fc.property(steps, (taken) => {
    using run = new LedgerRun(BOUNDS, make);
    for (const step of taken) run.take(step);
  });
}

/** Drops a window without a word. */
class Forgetful extends OpenOwner {
  override closeWindow(close: WindowClose): Gap[] {
    const gaps = super.closeWindow(close);
    if (close.windowOrdinal % 5 === 0) this.database.exec('DELETE FROM outbox WHERE sequence % 7 = 0 AND kind = 0');
    return gaps;
  }
}

/** Takes gap records for windows when room is needed. */
class Reckless extends OpenOwner {
  override closeWindow(close: WindowClose): Gap[] {
    const gaps = super.closeWindow(close);
    this.database.exec('UPDATE outbox SET kind = 0');
    return gaps;
  }
}

/** Takes an acknowledgement in one epoch for one of all that the epochs before had sealed. */
class Confused extends OpenOwner {
  override acknowledge(sequences: number[]): void {
    super.acknowledge(sequences);
    this.database.exec('DELETE FROM outbox WHERE epoch IS NOT NULL');
  }
}

/** Tells what is gone, and forgets to keep that until the record is acknowledged. */
class Hasty extends OpenOwner {
  override closeWindow(close: WindowClose): Gap[] {
    super.closeWindow(close);
    this.database.exec('DELETE FROM gap WHERE told_in IS NOT NULL');
    return this.statements.readGaps.all();
  }
}

/** A transaction that is none: half of a failed operation stays. */
class Torn extends OpenOwner {
  override reject(rejected: { sequence: number; code: string; message: string }[]): void {
    for (const one of rejected) super.reject([one]);
  }
}

describe('every sequence that was sealed', () => {
  it('is held, acknowledged, a dead letter or in a gap, and only one of these', { timeout: 60_000 }, () => {
    fc.assert(ledger(), { numRuns: 60 });
  });

  it.each([Forgetful, Reckless, Confused, Hasty, Torn])('is missed or doubled by a faulty owner: %o', (Faulty) => {
    const result = fc.check(
      ledger((options) => new Faulty(options)),
      { numRuns: 200, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });
});
