/** Findings at their lines and columns of a YAML file. */
import type { Finding } from './issues.ts';
import type { Mistake } from './settings.ts';
import type { Path, YamlSource } from './source.ts';

/** One line, as editors understand it: `file:line:column: at path: message`. */
export function formatMistake(fileName: string, { line, column, path, message }: Mistake): string {
  return `${fileName}:${line}:${column}: ${path ? `at ${path}: ` : ''}${message}`;
}

/** The source's own mistakes and those that were found in its value, by place, each once. */
export function mistakesOf(source: YamlSource, findings: readonly Finding[]): Mistake[] {
  const all = [...source.mistakes, ...findings.map((finding) => locate(finding, source))];
  const unique = new Map(all.map((mistake) => [JSON.stringify(mistake), mistake]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

function locate({ path, at, message }: Finding, source: YamlSource): Mistake {
  return { ...source.positionOf(path, at), path: formatPath(at === 'key' ? path.slice(0, -1) : path), message };
}

function formatPath(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text && '.'}${step}`;
  return text || 'the top level';
}
