import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('./', import.meta.url);
/** Beside its own folder the simulator may know these, and no sensor driver and no estimator. */
const CONTRACTS = ['../../agent/clock.ts', '../../agent/errors.ts', '../../agent/readings.ts', '../driver.ts'].map(
  (path) => new URL(path, FOLDER).href,
);
const PACKAGES = /^(?:node:.+|vitest|fast-check)$/;

/** What `text`, the file at `url`, imports or re-exports beyond what it may, statically or not. */
function foreignImports(text: string, url: URL): string[] {
  const targets = [...text.matchAll(/\b(?:from\s+|import\s*\(?\s*)(['"])([^'"\n]+)\1/g)].map((match) => match[2]);
  return targets.filter((target) => {
    if (!target.startsWith('.')) return !PACKAGES.test(target);
    const { href } = new URL(target, url);
    return !href.startsWith(FOLDER.href) && !CONTRACTS.includes(href);
  });
}

describe('the simulator', () => {
  it('shares no code with what it grades', () => {
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(20);
    for (const name of files.filter((file) => file !== 'imports.test.ts')) {
      const url = new URL(name, FOLDER);
      expect(foreignImports(readFileSync(url, 'utf8'), url), name).toEqual([]);
    }
  });

  it('would be caught at it', () => {
    const url = new URL('encode/planted.ts', FOLDER);
    const planted = `import { a } from '../../../agent/analytics/a.ts';\nexport * from '../../wifi/b.ts';\nawait import("luxon");`;
    expect(foreignImports(planted, url)).toEqual(['../../../agent/analytics/a.ts', '../../wifi/b.ts', 'luxon']);
    expect(foreignImports(`import type { D } from '../../driver.ts';\nimport '../random.ts';`, url)).toEqual([]);
  });
});
