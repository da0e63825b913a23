/** What the process of noble and its parent say to each other beside the reports. */

/** Where the child finds the pipe for its reports: behind standard streams and channel. */
export const REPORTS_FD = 4;

export interface ChildTask {
  /** Index of the adapter: 0 for hci0. */
  device: number;
  /** Module with `createBindings()`, in place of the machine's Bluetooth; for tests. */
  bindings?: string;
}

export type ParentMessage =
  /** How much memory do you take? */
  | 'memory'
  /** Start scanning anew. */
  | 'rescan'
  | 'end';

export type ChildMessage =
  /** noble's: poweredOn, poweredOff, unauthorized, unsupported, ... */
  | { kind: 'state'; state: string }
  | { kind: 'scanning' }
  /** Resident memory in bytes, and reports the parent did not take in time since the start. */
  | { kind: 'memory'; rss: number; dropped: number }
  /** It ends; the code of an error of the system or of Node, or the name of the error's class. */
  | { kind: 'failed'; code: string };
