/** What the storage client and its worker say to each other. Answers come in the order of the requests. */
import type { Storage } from './storage.ts';

export type Method = keyof Storage;

export interface Request {
  method: Method;
  args: unknown[];
}

export type Answer = { value: unknown } | { error: { code: string; message: string; hint: string } };
