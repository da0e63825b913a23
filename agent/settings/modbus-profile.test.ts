import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countersOf, loadModbusProfile, modbusProfileNames } from './modbus-profile.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'profile-'));
  path = join(directory, 'mine.yaml');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the profiles that come with the program', () => {
  it('are all good, and say the registers that the makers publish', () => {
    const registers = modbusProfileNames().map((name) => {
      const profile = loadModbusProfile(name);
      const { functionCode, entered, left, wordOrder, enableCoils } = countersOf(profile, { in: 1, out: 2 });
      return [name, profile.channels, functionCode, entered, left, wordOrder, enableCoils];
    });
    expect(registers).toEqual([
      ['adam-4150', 7, 3, 0, 2, 'low-first', []],
      ['generic-holding', 32, 3, 0, 2, 'high-first', []],
      ['generic-input', 32, 4, 0, 2, 'high-first', []],
      ['moxa-r1212', 8, 4, 0x10, 0x12, 'high-first', [0, 1]],
      ['vmu-mc', 2, 3, 0, 2, 'low-first', []],
      ['wb-mcm8', 8, 4, 60, 62, 'high-first', []],
    ]);
    expect(loadModbusProfile('wb-mcm8')).toMatchObject({
      line: { baud: 9_600, parity: 'none', stopBits: 2 },
      reset: { register: 100, value: 1 },
    });
    expect(loadModbusProfile('moxa-r1212').reset).toEqual({ coil: 0x20, step: 1 });
  });

  it('give a beam one total, and its coil once', () => {
    expect(countersOf(loadModbusProfile('moxa-r1212'), { total: 3 })).toEqual({
      ...{ functionCode: 4, entered: 0x14, left: 0x14, words: 2, wordOrder: 'high-first', width: 32 },
      enableCoils: [2],
    });
  });
});

describe('a profile of one own', () => {
  it('has the words of a counter as its step and width unless it says otherwise', () => {
    writeFileSync(path, 'description: Mine\nchannels: 3\ncounters: { function: 3, address: 0x100, words: 1 }\n');
    expect(loadModbusProfile(path)).toEqual({
      ...{ name: path, path, description: 'Mine', channels: 3 },
      line: { baud: 9_600, parity: 'none', stopBits: 1 },
      counters: { functionCode: 3, address: 0x100, step: 1, words: 1, wordOrder: 'high-first', width: 16 },
    });
    writeFileSync(
      path,
      `description: Mine
channels: 4
counters: { function: 4, address: 10, step: 8, words: 2, word_order: low-first, width: 24 }
line: { baud: 19200, parity: even, stop_bits: 1 }
enable: { coil: 5, step: 2 }
`,
    );
    expect(countersOf(loadModbusProfile(path), { in: 4, out: 1 })).toEqual({
      ...{ functionCode: 4, entered: 34, left: 10, words: 2, wordOrder: 'low-first', width: 24 },
      enableCoils: [11, 5],
    });
  });

  it.each([
    ['width: 32, words: 1', '3:45: at counters.width: expected at most 16, the bits of its words, received 32'],
    ['step: 1', '3:44: at counters.step: expected at least 2, as channels would overlap, received 1'],
    ['word_order: little', '3:50: at counters.word_order: expected one of high-first, low-first, received "little"'],
    ['words: 4', '3:45: at counters.words: expected one of 1, 2, received 4'],
  ])('is refused with %s', (more, told) => {
    writeFileSync(path, `description: Mine\nchannels: 9\ncounters: { function: 3, address: 0, ${more} }\n`);
    expect(() => loadModbusProfile(path)).toThrow(
      expect.objectContaining({ code: 'modbus_profile', message: `${path}:${told}` }),
    );
  });

  it.each([
    ['reset: { coil: 1, register: 2 }', '4:1: at reset: expected either coil or register, received a map'],
    ['reset: { register: 2, step: 2 }', '4:29: at reset.step: expected a step with coil only, received 2'],
    ['reset: { coil: 2, value: 2 }', '4:26: at reset.value: expected a value with register only, received 2'],
    [
      'reset: { coil: 65530 }',
      '4:16: at reset.coil: expected an address that leaves room for 9 channels below 65536, received 65530',
    ],
    [
      'enable: { coil: 65535 }',
      '4:17: at enable.coil: expected an address that leaves room for 9 channels below 65536, received 65535',
    ],
  ])('is refused with %s', (more, told) => {
    writeFileSync(path, `description: Mine\nchannels: 9\ncounters: { function: 3, address: 0 }\n${more}\n`);
    expect(() => loadModbusProfile(path)).toThrow(expect.objectContaining({ message: `${path}:${told}` }));
  });

  it('is told when it is not there, no file, or empty', () => {
    expect(() => loadModbusProfile(path)).toThrow(/ENOENT/);
    expect(() => loadModbusProfile(directory)).toThrow(/found another thing/);
    expect(() => loadModbusProfile('/dev/zero')).toThrow(/found another thing/);
    expect(() => loadModbusProfile('../footfall.example')).toThrow('there is no Modbus profile');
    writeFileSync(path, '');
    expect(() => loadModbusProfile(path)).toThrow(
      `${path}:1:1: at the top level: expected a map of keys, received nothing`,
    );
  });
});
