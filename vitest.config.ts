import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that start processes and browsers share the machine with the others.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
