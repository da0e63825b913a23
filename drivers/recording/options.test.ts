import { describe, expect, it } from 'vitest';
import type { DecoderOptions } from '../driver.ts';
import { optionsFromJson, optionsToJson } from './options.ts';

const EVERY: Required<DecoderOptions> = {
  role: 'transactions',
  linkType: 127,
  unit: 247,
  pollMs: 500,
  modbus: {
    functionCode: 4,
    entered: 16,
    left: 18,
    words: 2,
    wordOrder: 'low-first',
    width: 32,
    enableCoils: [0, 1],
  },
  advertisingChannel: 38,
  counts: 'both',
  debounceMs: 20,
  lineMm: 1_200,
  hysteresisMm: 250,
};

function refusal(json: unknown): string {
  try {
    optionsFromJson(json, (expected) => {
      throw new Error(expected);
    });
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

const never = (expected: string): never => {
  throw new Error(expected);
};

describe('options of a recording', () => {
  it('keep all that a decoder can be told, and through JSON', () => {
    const json: unknown = JSON.parse(JSON.stringify(optionsToJson(EVERY)));
    expect(json).toMatchObject({ link_type: 127, modbus: { function_code: 4, enable_coils: [0, 1] } });
    expect(optionsFromJson(json, never)).toEqual(EVERY);
    expect(optionsFromJson({}, never)).toEqual({});
  });

  it('leave out what no decoder is told', () => {
    const settings = { unit: 3, parity: 'even', flowControl: true, contact: 'cts' };
    expect(optionsToJson(settings)).toEqual({ unit: 3 });
  });

  it.each([
    ['a list', [], /JSON object/],
    ['nothing', null, /JSON object/],
    ['an unknown name', { secret: 1 }, /among role, link_type/],
    ['a text for a number', { unit: 'secret' }, /option unit/],
    ['a number out of range', { advertising_channel: 36 }, /advertising_channel/],
    ['half a profile', { modbus: { function_code: 3 } }, /option modbus/],
    ['a profile with a secret', { modbus: { ...(optionsToJson(EVERY).modbus as object), more: 'secret' } }, /modbus/],
  ])('are refused as %s, which is never quoted', (_name, json, said) => {
    expect(refusal(json)).toMatch(said);
    expect(refusal(json)).not.toContain('secret');
  });
});
