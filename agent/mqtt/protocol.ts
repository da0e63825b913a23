export type Protocol = 4 | 5;

/** How an attempt ended, as far as the choice of the protocol is concerned. */
export type ProtocolVerdict =
  /** The broker said that it does not speak this version. */
  | 'refused'
  /** The connection stood and was closed with no answer to CONNECT: RabbitMQ 3.10 does that to MQTT 5. */
  | 'unanswered'
  | 'other';

/** A broker that is being killed also closes without an answer: what once worked is not given up for one of those. */
const PATIENCE = 3;

/** Chooses between MQTT 5 and 3.1.1 (4): starts with 5, falls back where a broker does not speak it, keeps what worked. */
export class ProtocolChoice {
  #next: Protocol = 5;
  #worked: Protocol | null = null;
  #unanswered = 0;

  /** The version of the next attempt. */
  get next(): Protocol {
    return this.#next;
  }

  worked(): void {
    this.#worked = this.#next;
    this.#unanswered = 0;
  }

  /** @returns true when the next attempt is worth making at once, because a version not yet tried is up. */
  failed(verdict: ProtocolVerdict): boolean {
    if (verdict === 'other') return false;
    if (verdict === 'unanswered') {
      this.#unanswered++;
      if (this.#worked !== null && this.#unanswered < PATIENCE) return false;
    }
    const untried = this.#worked === null && this.#next === 5;
    this.#next = this.#next === 5 ? 4 : 5;
    this.#unanswered = 0;
    return untried;
  }
}
