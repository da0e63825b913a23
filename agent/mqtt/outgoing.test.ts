import type { IPublishPacket, Packet } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { OutgoingStore } from './outgoing.ts';

function publication(messageId: number, payload: Buffer | string): IPublishPacket {
  return { cmd: 'publish', topic: 'a', qos: 1, retain: false, dup: false, messageId, payload };
}

describe('what is kept of publications under way', () => {
  const kept = (store: OutgoingStore, messageId: number): Packet | undefined => {
    let found: Packet | undefined;
    store.get({ messageId }, (_error, packet) => {
      found = packet;
    });
    return found;
  };

  it('is their identifier, until the broker has taken them', () => {
    const store = new OutgoingStore();
    let put = 0;
    store.put(publication(7, Buffer.alloc(5_000, 1)), () => put++);
    store.put(publication(8, 'text'), () => put++);
    expect(put).toBe(2);
    expect(kept(store, 7)).toMatchObject({ messageId: 7, topic: 'a', payload: '' });
    expect(kept(store, 8)).toMatchObject({ messageId: 8, payload: '' });
    store.del({ messageId: 7 }, () => undefined);
    expect(kept(store, 7)).toBeUndefined();
  });

  it('lets go of the memory of a large payload at once, and of a small one leaves its neighbours alone', () => {
    const large = Buffer.alloc(5_000, 1);
    const small = Buffer.from('a small one, in the pool that Node shares out');
    const { buffer: pool } = small;
    const store = new OutgoingStore();
    store.put(publication(1, large), () => undefined);
    store.put(publication(2, small), () => undefined);
    expect(large.length).toBe(0);
    expect(pool.byteLength).toBeGreaterThan(small.length);
    expect(small.toString()).toBe('a small one, in the pool that Node shares out');
  });
});
