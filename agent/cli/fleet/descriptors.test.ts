import { describe, expect, it } from 'vitest';
import { checkDescriptors, openFilesIn } from './descriptors.ts';

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             94184                94184                processes
Max open files            ${soft.padEnd(20)} 1048576              files
Max locked memory         8388608              8388608              bytes
`;

describe('open files', () => {
  it('are read as the kernel tells them', () => {
    expect(openFilesIn(limits('1024'))).toBe(1_024);
    expect(openFilesIn(limits('unlimited'))).toBe(Number.POSITIVE_INFINITY);
    expect(openFilesIn('')).toBe(null);
  });

  it('must be enough for a connection of each gateway, and the error says how to get them', () => {
    checkDescriptors(960, 1_024);
    checkDescriptors(1_000_000, null);
    expect(() => checkDescriptors(961, 1_024)).toThrow(
      expect.objectContaining({
        code: 'fleet_files',
        message: expect.stringContaining('expected 1025 open files'),
        hint: expect.stringContaining('ulimit -n 1025'),
      }),
    );
  });
});
