/**
 * The one error class of the product. `code` is stable and machine-readable, `message` says what was expected and what
 * was found, `hint` says what to do about it. Neither may ever hold an address, an SSID or a secret.
 */
export class AgentError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'AgentError';
    this.code = code;
    this.hint = hint;
  }
}

/** The text of anything thrown, without its stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
