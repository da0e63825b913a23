import { describe, expect, it } from 'vitest';
import { AgentError } from '../errors.ts';
import { storageError } from './storage-error.ts';

describe('what SQLite and the file system throw', () => {
  const thrown = (code: string): Error => Object.assign(new Error(`${code}: as the kernel says it`), { code });

  it.each([
    ['ENOSPC', 'storage_full'],
    ['EROFS', 'storage_read_only'],
    ['EIO', 'storage_io'],
    ['ENODEV', 'storage_io'],
    ['ENXIO', 'storage_io'],
    ['EACCES', 'storage_failed'],
  ])('tells %s as %s', (from, to) => {
    const cause = thrown(from);
    expect(storageError(cause)).toMatchObject({ code: to, cause });
  });

  it('leaves what is in the words of the product, and names what is unknown', () => {
    const own = new AgentError('database_in_use', 'held');
    expect(storageError(own)).toBe(own);
    expect(storageError('odd')).toMatchObject({ code: 'storage_failed', message: expect.stringContaining('odd') });
  });
});
