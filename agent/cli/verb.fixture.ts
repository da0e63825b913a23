/** Runs one verb in this process and tells what it printed and how it would end. */
import { Command, CommanderError } from 'commander';
import { vi } from 'vitest';
import { AgentError } from '../errors.ts';

export interface Ended {
  code: number;
  out: string;
  err: string;
}

export async function runVerb(register: (program: Command) => void, words: string[]): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  const streams = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0),
  ];
  const former = process.exitCode;
  process.exitCode = 0;
  try {
    const program = new Command('footfall').exitOverride();
    register(program);
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    process.exitCode = codeOf(error);
    err.push(error instanceof AgentError ? `${error.message}\n${error.hint}` : String(error));
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  const code = Number(process.exitCode);
  process.exitCode = former;
  return { code, out: out.join(''), err: err.join('') };
}

/** As the command's main has it. */
function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64;
  if (error instanceof AgentError) return (error as AgentError & { exitCode?: number }).exitCode ?? 1;
  throw error;
}
