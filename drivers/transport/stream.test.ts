import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';
import { MemoryTransport } from './stream.ts';

describe('MemoryTransport', () => {
  it('delivers while the line is up and loses what is sent while it is not', async () => {
    const log: string[] = [];
    const transport = new MemoryTransport();
    expect(transport.push(Buffer.from('lost'))).toBe(false);
    transport.start({
      bytes: (chunk) => log.push(Buffer.from(chunk).toString()),
      up: () => log.push('up'),
      down: (reason) => log.push(reason),
    });
    expect(transport.push(Buffer.from('one'))).toBe(true);
    transport.hangUp('unplugged');
    transport.hangUp('unplugged');
    expect(transport.push(Buffer.from('lost'))).toBe(false);
    transport.restore();
    transport.push(Buffer.from('two'));
    expect(transport.delivered).toBe(6);
    await transport.stop();
    expect(transport.push(Buffer.from('lost'))).toBe(false);
    expect(log).toEqual(['up', 'one', 'unplugged', 'up', 'two']);
  });
});

describe('Backoff', () => {
  it('waits below a limit that doubles from 0.25 s to 30 s, and shortly again after a success', () => {
    const full = new Backoff(() => 1);
    expect(Array.from({ length: 9 }, () => full.next())).toEqual([
      250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000,
    ]);
    full.reset();
    expect(full.next()).toBe(250);
    expect(new Backoff(() => 0.5).next()).toBe(125);
  });
});
