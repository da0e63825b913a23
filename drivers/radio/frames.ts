/**
 * What the radio helper says to the daemon over its socket: a stream of frames `type u8, length u16 LE, payload`.
 * Type 0 is a state, as JSON `{"state", "detail"}`; the first frame of a connection is one, with `"version"` beside it.
 * Type 1 is bytes for the driver's decoder. There is nothing else, and nothing goes the other way.
 */
import type { RadioState } from './source.ts';

export const RADIO_PROTOCOL = 1;

const HEADER_LENGTH = 3;
const LONGEST_PAYLOAD = 0xffff;
const LONGEST_DETAIL = 1_000;
const TYPE_STATE = 0;
const TYPE_BYTES = 1;

const STATES: ReadonlySet<unknown> = new Set<RadioState>([
  'starting',
  'listening',
  'no_adapter',
  'adapter_down',
  'blocked',
  'no_permission',
  'no_module',
  'failed',
]);

/** @param version given in the first frame of a connection. */
export function stateFrame(state: RadioState, detail: string, version?: number): Buffer {
  const told = { ...(version === undefined ? {} : { version }), state, detail: detail.slice(0, LONGEST_DETAIL) };
  return frameOf(TYPE_STATE, Buffer.from(JSON.stringify(told)));
}

/** As many frames as the bytes take, mostly one. */
export function bytesFrames(bytes: Uint8Array): Buffer {
  const frames: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += LONGEST_PAYLOAD) {
    frames.push(frameOf(TYPE_BYTES, bytes.subarray(from, from + LONGEST_PAYLOAD)));
  }
  return frames.length === 1 ? frames[0] : Buffer.concat(frames);
}

function frameOf(type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_LENGTH + payload.length);
  frame[0] = type;
  frame.writeUInt16LE(payload.length, 1);
  frame.set(payload, HEADER_LENGTH);
  return frame;
}

export interface FrameReceiver {
  /** @param version of the protocol; of the first frame only. */
  state(state: RadioState, detail: string, version: number | undefined): void;
  /** Valid only during the call. */
  bytes(chunk: Uint8Array): void;
}

/** Takes the stream apart, cut however it comes. Holds one frame at most, and never throws. */
export class FrameDecoder {
  readonly #receiver: FrameReceiver;
  readonly #held = Buffer.allocUnsafe(HEADER_LENGTH + LONGEST_PAYLOAD);
  #length = 0;
  #broken = false;
  #begun = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** False when these bytes are none of this protocol: a stream has no way back to the next frame, so it is over. */
  push(chunk: Uint8Array): boolean {
    let from = 0;
    while (!this.#broken && from < chunk.length) {
      const wanted = this.#length < HEADER_LENGTH ? HEADER_LENGTH : HEADER_LENGTH + this.#held.readUInt16LE(1);
      const part = chunk.subarray(from, from + wanted - this.#length);
      this.#held.set(part, this.#length);
      this.#length += part.length;
      from += part.length;
      if (this.#length >= HEADER_LENGTH) this.#take();
    }
    return !this.#broken;
  }

  /** Looks at what is held, from the header on. */
  #take(): void {
    const type = this.#held[0];
    // Bytes before the state that tells the version are not understood, whatever they look like.
    this.#broken = type > TYPE_BYTES || (!this.#begun && type !== TYPE_STATE);
    const end = HEADER_LENGTH + this.#held.readUInt16LE(1);
    if (this.#broken || this.#length < end) return;
    this.#length = 0;
    const payload = this.#held.subarray(HEADER_LENGTH, end);
    if (type === TYPE_BYTES) {
      this.#receiver.bytes(payload);
      return;
    }
    const told = readState(payload);
    this.#broken = told === null || (!this.#begun && told.version === undefined);
    if (this.#broken || told === null) return;
    this.#begun = true;
    this.#receiver.state(told.state, told.detail, told.version);
  }
}

function readState(payload: Buffer): { state: RadioState; detail: string; version: number | undefined } | null {
  try {
    const told = JSON.parse(payload.toString()) as { state?: unknown; detail?: unknown; version?: unknown } | null;
    const { state, detail, version } = told ?? {};
    if (!STATES.has(state) || typeof detail !== 'string') return null;
    if (version !== undefined && typeof version !== 'number') return null;
    // One line, whoever sent it: it goes to the log and to terminals.
    const line = detail.replace(/\p{Cc}+/gu, ' ').slice(0, LONGEST_DETAIL);
    return { state: state as RadioState, detail: line, version };
  } catch {
    return null;
  }
}
