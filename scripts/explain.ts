/** What every script answers to --help and to wrong use. */

/** Wrong use of a command line, as sysexits.h has it. */
const WRONG_USE = 64;

/**
 * @param mistake in the options; null where help was asked for.
 * @param script its name for `npm run`.
 * @returns the exit code.
 */
export function explain(mistake: string | null, help: string, script: string): number {
  if (mistake === null) {
    process.stdout.write(help);
    return 0;
  }
  process.stderr.write(`${mistake}\nSee: npm run ${script} -- --help\n`);
  return WRONG_USE;
}
