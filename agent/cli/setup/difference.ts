/** The difference between two texts of a settings file, as `diff -u` shows it. */
import { createTwoFilesPatch } from 'diff';
import type { Paint } from '../view/style.ts';

/** Lines of a unified diff; empty when there is none. */
export function renderDifference(path: string, before: string, after: string, paint: Paint): string[] {
  if (before === after) return [];
  const patch = createTwoFilesPatch(path, path, before, after, 'now', 'new', { context: 2 });
  return patch
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(=+$|Index: )/.test(line))
    .map((line) => {
      if (/^(---|\+\+\+) /.test(line)) return paint('strong', line);
      if (line.startsWith('@@')) return paint('dim', line);
      if (line.startsWith('+')) return paint('good', line);
      return line.startsWith('-') ? paint('bad', line) : line;
    });
}
