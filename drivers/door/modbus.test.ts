import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANSWER, ARRIVAL, hex, Line, MOXA, QUESTION, replay, seal } from './modbus.testing.ts';

describe('door-modbus', () => {
  it('asks for both totals of a WB-MCM8 in one question, once a beat', () => {
    const line = new Line({});
    expect(line.say()).toEqual(['0104003c000431c5']);
    expect(line.decoder.speaker.waiting).toBe(true);
    expect(line.say(100)).toEqual([]);
    line.hear(seal('01 04 08 00 00 00 05 00 00 00 03'));
    expect(line.decoder.speaker.waiting).toBe(false);
    expect(line.say(100)).toEqual([]);
    expect(line.say(800)).toEqual(['0104003c000431c5']);
    expect(line.counters).toEqual([[ARRIVAL + 100, 5, 3, 0, 32]]);
    expect(line.counts).toEqual({ accepted: 1 });
  });

  it('reads the totals of a vector that others computed', () => {
    const line = new Line();
    expect(line.say()).toEqual([QUESTION.toString('hex')]);
    line.hear(ANSWER);
    expect(line.totals).toEqual([[70_000, 65_535, 32]]);
    expect(replay([ANSWER, ANSWER]).counters).toEqual([
      [ARRIVAL, 70_000, 65_535, 0, 32],
      [ARRIVAL, 70_000, 65_535, 0, 32],
    ]);
  });

  it.each([
    ['low word first', { wordOrder: 'low-first' }, '01 04 08 11 70 00 01 FF FF 00 00', [70_000, 65_535, 32]],
    ['one register', { words: 1, width: 16, left: 0x11 }, '01 04 04 FF FF 00 02', [65_535, 2, 16]],
    ['24 bits', { width: 24 }, '01 04 08 00 FF FF FF 00 00 00 01', [0xffffff, 1, 24]],
    ['out before in', { entered: 0x12, left: 0x10 }, '01 04 08 00 00 00 07 00 00 00 09', [9, 7, 32]],
    ['a gap', { left: 0x14 }, '01 04 0C 00 00 00 07 AA AA AA AA 00 00 00 09', [7, 9, 32]],
    ['holding registers', { functionCode: 3 }, '01 03 08 00 00 00 07 00 00 00 09', [7, 9, 32]],
  ] as const)('reads counters with %s', (_, fields, answer, totals) => {
    const line = new Line({ modbus: { ...MOXA, ...fields } });
    line.say();
    line.hear(seal(answer));
    expect(line.totals).toEqual([totals]);
    expect(replay([seal(answer)], { modbus: { ...MOXA, ...fields } }).counters).toHaveLength(1);
  });

  it('rejects a total that its width cannot hold', () => {
    const line = new Line({ modbus: { ...MOXA, width: 24 } });
    line.say();
    line.hear(seal('01 04 08 01 00 00 00 00 00 00 01'));
    expect(line.counts).toEqual({ accepted: 0, range: 1 });
    expect(line.totals).toEqual([]);
  });

  it('halves the total of a beam, exactly also where it rolls over', () => {
    const line = new Line({ modbus: { ...MOXA, left: 0x10 } });
    const beam = ['00 00 00 00', '00 00 00 01', '00 00 00 02', 'FF FF FF FE', 'FF FF FF FF', '00 00 00 00'];
    for (const total of beam) {
      expect(line.say(1_000)).toEqual([seal('01 04 00 10 00 02').toString('hex')]);
      line.hear(seal(`01 04 04 ${total}`));
    }
    expect(line.totals).toEqual([
      [0, 0, 31],
      [1, 0, 31],
      [1, 1, 31],
      [0x7fffffff, 0x7fffffff, 31],
      [0, 0x7fffffff, 31],
      [0, 0, 31],
    ]);
  });

  it('asks apart for totals that lie apart, and takes them only together', () => {
    const line = new Line({ modbus: { ...MOXA, left: 0x110 } });
    const [first, second] = [seal('01 04 00 10 00 02'), seal('01 04 01 10 00 02')].map((frame) =>
      frame.toString('hex'),
    );
    expect(line.say()).toEqual([first]);
    line.hear(seal('01 04 04 00 00 00 07'));
    expect(line.say()).toEqual([second]);
    line.hear(seal('01 04 04 00 00 00 09'));
    expect(line.totals).toEqual([[7, 9, 32]]);
    expect(line.say(1_000)).toEqual([first]);
    // Not answered; the second alone tells nothing.
    line.say(999);
    expect(line.say(999)).toEqual([second]);
    line.hear(seal('01 04 04 00 00 00 0A'));
    expect(line.totals).toEqual([[7, 9, 32]]);
    expect(line.counts).toEqual({ accepted: 3, unanswered: 1 });
    // A recording does not tell which is which.
    const recorded = replay([seal('01 04 04 00 00 00 07')], { modbus: { ...MOXA, left: 0x110 } });
    expect(recorded.counters).toEqual([]);
    expect(recorded.counts.rejected.unsupported).toBe(1);
  });

  it('asks apart where the unit has no registers between the totals', () => {
    const line = new Line({ modbus: { ...MOXA, left: 0x20 } });
    expect(line.say()).toEqual([seal('01 04 00 10 00 12').toString('hex')]);
    line.hear(hex('01 84 02 C2 C1'));
    expect(line.counts).toEqual({ accepted: 0, unsupported: 1 });
    expect(line.say(1_000)).toEqual([seal('01 04 00 10 00 02').toString('hex')]);
    line.hear(seal('01 04 04 00 00 00 07'));
    expect(line.say()).toEqual([seal('01 04 00 20 00 02').toString('hex')]);
    line.hear(seal('01 04 04 00 00 00 09'));
    expect(line.totals).toEqual([[7, 9, 32]]);
  });

  it('tells an exception from noise, and from silence', () => {
    const line = new Line();
    line.say();
    line.hear(hex('01 84 02 C2 C1'));
    expect(line.decoder.speaker.waiting).toBe(false);
    expect(line.say(1_000)).toHaveLength(1);
    line.say(2_000);
    expect(line.counts).toEqual({ accepted: 0, unsupported: 1, unanswered: 1 });
  });

  it('switches on the coils that it finds off, at the start and each minute, and nothing else', () => {
    const line = new Line({ modbus: { ...MOXA, enableCoils: [0, 1] } });
    const [ask0, ask1] = [seal('01 01 00 00 00 01'), seal('01 01 00 01 00 01')].map((frame) => frame.toString('hex'));
    const set1 = seal('01 05 00 01 FF 00');
    expect(line.say()).toEqual([ask0]);
    line.hear(seal('01 01 01 01'));
    expect(line.say()).toEqual([ask1]);
    line.hear(seal('01 01 01 00'));
    expect(line.say()).toEqual([set1.toString('hex')]);
    line.hear(set1);
    const said: string[] = [];
    for (let second = 0; second < 180; second++) {
      for (const frame of [...line.say(second === 0 ? 0 : 990), ...line.say(0)]) said.push(frame);
      line.hear(ANSWER);
      for (const frame of line.say(5)) {
        said.push(frame);
        line.hear(seal('01 01 01 01'));
      }
      for (const frame of line.say(5)) {
        said.push(frame);
        line.hear(seal('01 01 01 01'));
      }
    }
    expect(said.filter((frame) => frame === QUESTION.toString('hex'))).toHaveLength(180);
    expect(said.filter((frame) => frame === ask0)).toHaveLength(3);
    expect(said.filter((frame) => frame === ask1)).toHaveLength(3);
    expect(said).toHaveLength(186);
    expect(line.counts).toEqual({ accepted: 3 + 186 });
  });

  it('looks at the coils again when a unit that was silent answers', () => {
    const line = new Line({ modbus: { ...MOXA, enableCoils: [0] } });
    line.say();
    line.hear(seal('01 01 01 01'));
    line.say();
    line.say(1_000);
    expect(line.counts).toEqual({ accepted: 1, unanswered: 1 });
    expect(line.say(1_000)).toEqual([QUESTION.toString('hex')]);
    line.hear(ANSWER);
    expect(line.say()).toEqual([seal('01 01 00 00 00 01').toString('hex')]);
    line.hear(seal('01 01 01 00'));
    expect(line.say()).toEqual([seal('01 05 00 00 FF 00').toString('hex')]);
  });

  it('never writes but to switch a coil on', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.nat(4)), { maxLength: 60 }), (steps) => {
        const line = new Line({ modbus: { ...MOXA, enableCoils: [0] } });
        const answers = [
          ANSWER,
          seal('01 01 01 00'),
          seal('01 05 00 00 FF 00'),
          seal('01 84 04'),
          seal('01 06 00 64 00 01'),
        ];
        for (const [ms, which] of steps) {
          for (const frame of line.say(ms)) {
            expect(['01040010', '01010000', '01050000']).toContain(frame.slice(0, 8));
            if (frame.startsWith('0105')) expect(frame.slice(8, 12)).toBe('ff00');
          }
          line.hear(answers[which]);
        }
      }),
    );
  });

  it('knows the echo of its adapter, also of a write that its answer repeats', () => {
    const line = new Line({ modbus: { ...MOXA, enableCoils: [0] } });
    const set = seal('01 05 00 00 FF 00');
    line.say();
    line.hear(seal('01 01 00 00 00 01'), seal('01 01 01 00'));
    expect(line.say()).toEqual([set.toString('hex')]);
    line.hear(set);
    expect(line.decoder.speaker.waiting).toBe(true);
    line.hear(set);
    expect(line.decoder.speaker.waiting).toBe(false);
    line.say();
    line.hear(QUESTION, ANSWER);
    expect(line.totals).toEqual([[70_000, 65_535, 32]]);
    expect(line.counts).toEqual({ accepted: 3 });
    const recorded = replay([QUESTION, ANSWER, set, set], { modbus: { ...MOXA, enableCoils: [0] } });
    expect(recorded.counts.accepted).toBe(2);
  });

  it('knows the echo of a question that begins as its answer does', () => {
    const line = new Line({ modbus: { ...MOXA, entered: 0x800, left: 0x802 } });
    line.say();
    line.hear(seal('01 04 08 00 00 04'), seal('01 04 08 00 00 00 07 00 00 00 09'));
    expect(line.totals).toEqual([[7, 9, 32]]);
    expect(line.counts).toEqual({ accepted: 1 });
  });

  it('leaves the frames of other units aside', () => {
    const line = new Line();
    line.say();
    line.hear(seal('02 04 08 00 00 00 07 00 00 00 09'), seal('07 84 02'), seal('02 04 00 10 00 04'), ANSWER);
    line.hear(seal('03 01 01 01'), seal('03 05 00 00 FF 00'), seal('03 03 FA'.padEnd(8 + 3 * 250, ' 00')));
    expect(line.counts).toEqual({ accepted: 1 });
    expect(line.totals).toEqual([[70_000, 65_535, 32]]);
  });

  it('takes no answer to a question that is not out', () => {
    const line = new Line();
    line.hear(ANSWER);
    line.say();
    line.say(1_000);
    // Late, while the line is left quiet.
    line.hear(ANSWER);
    expect(line.totals).toEqual([]);
    expect(line.say(1_000)).toHaveLength(1);
    line.hear(ANSWER, ANSWER);
    expect(line.totals).toHaveLength(1);
    expect(line.counts).toEqual({ accepted: 1, unanswered: 1 });
  });

  it('rejects an answer of another length than was asked for', () => {
    const line = new Line();
    line.say();
    line.hear(seal('01 04 04 00 00 00 07'));
    expect(line.counts).toEqual({ accepted: 0, unsupported: 1 });
    expect(line.decoder.speaker.waiting).toBe(true);
  });

  it('looks at the coils again when totals fell: the power was gone', () => {
    const line = new Line({ modbus: { ...MOXA, enableCoils: [0] } });
    line.say();
    line.hear(seal('01 01 01 01'));
    line.say();
    line.hear(ANSWER);
    expect(line.say()).toEqual([]);
    line.say(1_000);
    line.hear(seal('01 04 08 00 00 00 00 00 00 00 00'));
    expect(line.say()).toEqual([seal('01 01 00 00 00 01').toString('hex')]);
  });
});
