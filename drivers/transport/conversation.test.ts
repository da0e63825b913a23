import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import type { Speaker } from '../driver.ts';
import { Conversation } from './conversation.ts';

const FRAME = Uint8Array.of(1);

/** Speaks each `everyMs`; notes when it was asked. */
class Script implements Speaker {
  readonly asked: number[] = [];
  readonly #everyMs: number;
  #due = 0;
  waiting = false;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  open(now: number): void {
    this.#due = now;
  }

  speak(now: number, send: (frame: Uint8Array) => void): number {
    this.asked.push(now);
    if (now < this.#due) return this.#due;
    this.#due = now + this.#everyMs;
    send(FRAME);
    return this.#due;
  }
}

describe('Conversation', () => {
  it('asks when the line opens, when it is due, and after what was heard', async () => {
    const clock = new VirtualClock(0);
    const speaker = new Script(100);
    const sent: number[] = [];
    const conversation = new Conversation(clock, speaker, () => void sent.push(clock.monotonic()));
    conversation.heard();
    expect(speaker.asked).toEqual([]);
    conversation.open();
    await clock.advanceTo(130);
    conversation.heard();
    await clock.advanceTo(250);
    expect(sent).toEqual([0, 100, 200]);
    expect(speaker.asked).toEqual([0, 100, 130, 200]);
  });

  it('is silent once the line is closed, and begins anew when it is open again', async () => {
    const clock = new VirtualClock(0);
    const speaker = new Script(100);
    const conversation = new Conversation(clock, speaker, () => {});
    conversation.open();
    await clock.advanceTo(50);
    conversation.close();
    conversation.heard();
    await clock.advanceTo(1_000);
    expect(speaker.asked).toEqual([0]);
    conversation.open();
    await clock.advanceTo(1_010);
    expect(speaker.asked).toEqual([0, 1_000]);
  });

  it('never spins, whatever a speaker wants', async () => {
    const clock = new VirtualClock(0);
    const speaker = new Script(0);
    const conversation = new Conversation(clock, speaker, () => {});
    conversation.open();
    await clock.advanceTo(1_000);
    expect(speaker.asked.length).toBeLessThanOrEqual(201);
    expect(speaker.asked.length).toBeGreaterThan(100);
  });

  it('goes on where the answer comes while the question is being sent', async () => {
    const clock = new VirtualClock(0);
    let answered = 0;
    const speaker: Speaker = {
      waiting: false,
      open: () => {},
      speak: (_now, send) => {
        send(FRAME);
        return Number.POSITIVE_INFINITY;
      },
    };
    const conversation: Conversation = new Conversation(clock, speaker, () => {
      answered++;
      conversation.heard();
    });
    conversation.open();
    await clock.advanceTo(20);
    expect(answered).toBeGreaterThan(2);
  });

  it('ends where sending finds the line closed', async () => {
    const clock = new VirtualClock(0);
    const speaker = new Script(10);
    const conversation: Conversation = new Conversation(clock, speaker, () => conversation.close());
    conversation.open();
    await clock.advanceTo(1_000);
    expect(speaker.asked).toEqual([0]);
  });

  it('takes in what waits on the line before it asks', async () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    const speaker: Speaker = {
      waiting: false,
      open: () => {},
      speak: (now) => {
        log.push('asked');
        return now + 100;
      },
    };
    const conversation = new Conversation(
      clock,
      speaker,
      () => {},
      () => void log.push('listened'),
    );
    conversation.open();
    await clock.advanceTo(100);
    expect(log).toEqual(['asked', 'listened', 'asked']);
  });
});
