import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { DOWN } from '../cli/view/down.fixture.ts';
import { DEGRADED, degraded, notCounting, well } from '../cli/view/samples.fixture.ts';
import { statusDocument, statusJsonSchema } from './document-schema.ts';

const FILE = new URL('../../config/status.schema.json', import.meta.url);
const ajv = new Ajv2020({ strict: true, allErrors: true, validateFormats: false });
const validate = ajv.compile(JSON.parse(readFileSync(FILE, 'utf8')));

describe('config/status.schema.json', () => {
  it('is what the code gives (else: npm run schema)', () => {
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(JSON.stringify(statusJsonSchema())));
  });

  it('takes every document that is printed, as an independent validator sees it', () => {
    for (const [name, document] of Object.entries({ well, degraded, notCounting, ...DEGRADED })) {
      expect([name, validate(document), validate.errors]).toEqual([name, true, null]);
    }
    for (const [name, { known, error, pid, settings }] of Object.entries(DOWN)) {
      expect([name, validate({ ...known, running: false, error, pid, settings })]).toEqual([name, true]);
    }
    expect(validate({ v: 1, running: null, error: { code: 'socket_denied', message: 'no', hint: '' } })).toBe(true);
  });

  it('refuses what no version 1 can be', () => {
    const { clock: _, ...without } = well;
    for (const wrong of [
      { ...well, v: 2 },
      { ...well, verdict: { ...well.verdict, state: 'fine' } },
      { ...well, today: { ...well.today, hours: [] } },
      { ...well, buffer: { ...well.buffer, held: -1 } },
      without,
      { ...DOWN.stopped.known },
    ]) {
      expect(validate(wrong)).toBe(false);
    }
  });

  it('describes every time, share and size with its unit', () => {
    const bare: string[] = [];
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        const at = `${path}.${key}`;
        const measured = /_(ms|bytes|rate|percent|c|left)$/.test(key) && path.endsWith('.properties');
        if (measured && !JSON.stringify(value).includes('"description"')) bare.push(at);
        walk(value, at);
      }
    };
    walk(statusJsonSchema(), '');
    expect(bare).toEqual([]);
  });

  it('is also what the program itself would check by', () => {
    expect(statusDocument.parse(degraded)).toEqual(degraded);
  });
});
