/** A message that was published or taken in. */
export interface ObservedMessage {
  direction: 'out' | 'in';
  what: 'batch' | 'state' | 'acknowledgement';
  /** Of the batch, or all that are acknowledged, rejected ones included. */
  sequences: number[];
  bytes: number;
}

export type ObserveMessage = (message: ObservedMessage) => void;
