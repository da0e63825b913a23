import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Each file in a process of its own: native modules (better-sqlite3, serialport) do not like shared threads.
    pool: 'forks',
    // On two cores: the long ones mostly wait.
    maxWorkers: 3,
    include: ['agent/**/*.test.ts', 'drivers/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['**/node_modules/**', '.runtime/**'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
