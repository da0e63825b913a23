import { describe, expect, it } from 'vitest';
import { Poller } from './poller.ts';

const [POLL, FIRST, SECOND] = [Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)];

function create(startUp: Uint8Array[] = []) {
  const sent: [number, number][] = [];
  const missed: number[] = [];
  let now = 0;
  const poller = new Poller({
    startUp: () => startUp,
    poll: () => POLL,
    everyMs: 1_000,
    timeoutMs: 200,
    unanswered: () => missed.push(now),
  });
  poller.open(0);
  const speak = (ms: number) => {
    now = ms;
    return poller.speak(ms, ([byte]) => void sent.push([ms, byte]));
  };
  return { poller, sent, missed, speak };
}

describe('Poller', () => {
  it('asks on its beat, and leaves out the beats that it missed', () => {
    const { poller, sent, speak } = create();
    for (const ms of [0, 999, 1_000, 2_050, 3_000, 7_777, 7_999, 8_000]) {
      speak(ms);
      poller.answered();
    }
    expect(sent.map(([ms]) => ms)).toEqual([0, 1_000, 2_050, 3_000, 7_777, 8_000]);
  });

  it('asks one question at a time', () => {
    const { poller, sent, speak } = create([FIRST, SECOND]);
    expect(speak(0)).toBe(200);
    expect(poller.waiting).toBe(true);
    expect(speak(50)).toBe(200);
    poller.answered();
    expect(poller.waiting).toBe(false);
    speak(60);
    poller.answered();
    speak(70);
    poller.answered();
    expect(speak(80)).toBe(1_000);
    expect(sent).toEqual([
      [0, 1],
      [60, 2],
      [70, 0],
    ]);
  });

  it('leaves the line quiet for as long again after a question without answer', () => {
    const { poller, sent, missed, speak } = create([FIRST]);
    speak(0);
    expect(speak(200)).toBe(400);
    expect(poller.waiting).toBe(false);
    expect(missed).toEqual([200]);
    speak(399);
    speak(400);
    expect(sent).toEqual([
      [0, 1],
      [400, 0],
    ]);
  });

  it('asks what is put in between before the next beat', () => {
    const { poller, sent, speak } = create();
    speak(0);
    poller.insert(SECOND);
    speak(10);
    poller.answered();
    expect(speak(20)).toBe(220);
    expect(sent).toEqual([
      [0, 0],
      [20, 2],
    ]);
  });

  it('begins anew when the line is opened again', () => {
    const { poller, sent, speak, missed } = create([FIRST]);
    speak(0);
    poller.open(5_000);
    expect(poller.waiting).toBe(false);
    speak(5_000);
    expect(sent).toEqual([
      [0, 1],
      [5_000, 1],
    ]);
    expect(missed).toEqual([]);
  });
});
