/** What the radio helper listens with: an adapter driven by noble, or an interface in monitor mode read by tcpdump. */

export type RadioState =
  /** Being opened, or opened again. */
  | 'starting'
  /** It hears, or would hear if somebody spoke. */
  | 'listening'
  /** There is no such adapter or interface, or it was unplugged. */
  | 'no_adapter'
  /** The adapter is there but switched off or its link is down, and could not be brought up. */
  | 'adapter_down'
  /** Switched off by rfkill. */
  | 'blocked'
  | 'no_permission'
  /** The kernel or this installation lacks what is needed: Bluetooth sockets, the native module, tcpdump, iw. */
  | 'no_module'
  /** It ended or failed for another reason; it is started again by itself. */
  | 'failed';

export interface RadioEvents {
  /** Bytes for the driver's decoder; valid only during the call. */
  bytes(chunk: Uint8Array): void;
  /** @param detail for people, in one line: what was expected, what was found, what to do; never an address. */
  state(state: RadioState, detail: string): void;
}

/**
 * Opens its radio again and again until it is stopped, whatever goes away and comes back, under whatever name. It never
 * throws, and `state` is called at each change.
 */
export interface RadioSource {
  start(events: RadioEvents): void;
  stop(): Promise<void>;
}
