// Kinds of tests with a rule each: unit (no network), integration (real Redis), cluster (black box over HTTP), cost (CPU).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      // Without isolation the modules are loaded once and not once a file: 4 s of CPU instead of 10.
      // The time-out is there for what hangs: on a machine with 40 processes for each core some took over 5 s.
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          testTimeout: 30_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      // Alone: others would take the CPU that it measures.
      { test: { name: 'cost', include: ['test/cost/**/*.test.ts'], sequence: { groupOrder: 3 } } },
    ],
  },
});
