import { encodeProbeRequest, type ProbeRequest } from './encode/probe-request.ts';

/** A frame in the air; encoded once, however many hear it. */
export class AirFrame {
  readonly request: ProbeRequest;
  #encoded: Uint8Array | null = null;

  constructor(request: ProbeRequest) {
    this.request = request;
  }

  get encoded(): Uint8Array {
    this.#encoded ??= encodeProbeRequest(this.request);
    return this.#encoded;
  }
}
