/** The acknowledgements of one commit, gathered by gateway and epoch. */
import { encodeMessage } from '../contract/messages.ts';
import { topicsOf } from '../contract/topics.ts';
import type { Sender } from './intake.ts';

interface Reply {
  from: Sender;
  epoch: string;
  ok: number[];
  rejected: { seq: number; code: string; message: string }[];
}

type Address = { epoch: string; sequence: number } | null;

/** Entries in one acknowledgement, which must stay within 64 KiB though every character of a reason were escaped. */
const OK_PER_ACK = 1_000;
const REJECTED_PER_ACK = 16;

export class Replies {
  readonly #replies = new Map<string, Reply>();

  /** @param address null where the message did not say which batch it is: nothing can be answered. */
  ok(from: Sender, address: Address): void {
    if (address !== null) this.#to(from, address.epoch).ok.push(address.sequence);
  }

  rejected(from: Sender, address: Address, code: string, message: string): void {
    if (address !== null) this.#to(from, address.epoch).rejected.push({ seq: address.sequence, code, message });
  }

  /** What to publish; `count`: sequences that the message says are stored. */
  *messages(): Generator<{ topic: string; body: Uint8Array; count: number }> {
    for (const { from, epoch, ok, rejected } of this.#replies.values()) {
      const topic = topicsOf(from.tenant, from.gateway).ack;
      const parts = Math.max(Math.ceil(ok.length / OK_PER_ACK), Math.ceil(rejected.length / REJECTED_PER_ACK));
      for (let index = 0; index < parts; index++) {
        const part = {
          ok: ok.slice(index * OK_PER_ACK, (index + 1) * OK_PER_ACK),
          rejected: rejected.slice(index * REJECTED_PER_ACK, (index + 1) * REJECTED_PER_ACK),
        };
        yield { topic, body: encodeMessage({ epoch, ...part }), count: part.ok.length };
      }
    }
  }

  #to(from: Sender, epoch: string): Reply {
    const key = `${from.tenant}/${from.gateway}/${epoch}`;
    const reply = this.#replies.get(key) ?? { from, epoch, ok: [], rejected: [] };
    this.#replies.set(key, reply);
    return reply;
  }
}
