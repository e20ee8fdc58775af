import { expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { planMemory } from '../src/memory-need.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function plan(env: Record<string, string>, memoryBytes: number, runsGraphs = false) {
  return planMemory(readConfig(env), memoryBytes, runsGraphs);
}

it('lets the defaults run in the memory that deploy/ gives', () => {
  expect(plan({}, GIB)).toMatchObject({ sum: expect.stringMatching(/ 3 x CELLSTEP_MAX_THING_BYTES 96 = 928 MiB$/) });
  expect(plan({}, GIB)).not.toHaveProperty('refusal');
  expect(plan({}, GIB)).not.toHaveProperty('warning');
});

it.each([
  [{ CELLSTEP_MAX_THING_BYTES: `${2 ** 28}` }, '3 x CELLSTEP_MAX_THING_BYTES 256 = 1408 MiB'],
  [{ CELLSTEP_MAX_IN_FLIGHT_BYTES: `${2 ** 30}` }, 'CELLSTEP_MAX_IN_FLIGHT_BYTES 1024'],
  [{ CELLSTEP_WORKERS: '2' }, 'for each of CELLSTEP_WORKERS 2'],
])('refuses %o in a container of 1 GiB, and says the sum in one line', (env, words) => {
  const { refusal, sum } = plan(env, GIB);
  expect(sum).toContain(words);
  expect(refusal).toBe(
    `The limits add up to more than the 1024 MiB of memory of this container: ${sum}. Lower them, or give it more memory.`,
  );
});

it('adds up what whole graphs may take where they can run, and refuses a limit of theirs that is set and does not fit', () => {
  const env = { CELLSTEP_ONNX_PROCESSES: '1', CELLSTEP_ONNX_MAX_BYTES: `${2 ** 28}` };
  const fits = plan(env, 1184 * MIB, true);
  expect(fits.sum).toContain('+ CELLSTEP_ONNX_PROCESSES 1 x CELLSTEP_ONNX_MAX_BYTES 256 = 1184 MiB');
  expect(fits).not.toHaveProperty('refusal');
  expect(plan(env, 1184 * MIB - 1, true).refusal).toContain(fits.sum);
  expect(plan(env, GIB, false)).not.toHaveProperty('refusal');
  expect(plan({ ...env, CELLSTEP_WORKERS: '2' }, 2 * 1184 * MIB, true)).not.toHaveProperty('refusal');
  expect(plan({ ...env, CELLSTEP_WORKERS: '2' }, 2 * 1184 * MIB - 1, true)).toHaveProperty('refusal');
});

it.each([
  [Number.POSITIVE_INFINITY, 1, 1024],
  [8 * GIB, 1, 1024],
  [2 * GIB, 1, 560],
  [4 * GIB, 2, 560],
  [1440 * MIB, 1, 256],
])(
  'gives each of two processes of graphs what %d bytes leave beside the limits of %d workers',
  (memory, workers, mib) => {
    const { graphBytes, sum, ...faults } = plan({ CELLSTEP_WORKERS: `${workers}` }, memory, true);
    expect(graphBytes).toBe(mib * MIB);
    expect(sum).toContain(`CELLSTEP_ONNX_PROCESSES 2 x CELLSTEP_ONNX_MAX_BYTES ${mib} = ${928 + 2 * mib} MiB`);
    expect(faults).toEqual({});
  },
);

it('warns only, where graphs get what is left and that is too little', () => {
  const { graphBytes, warning, refusal } = plan({}, GIB, true);
  expect(graphBytes).toBe(256 * MIB);
  expect(refusal).toBeUndefined();
  expect(warning).toMatch(/^Whole ONNX graphs do not fit .* 1024 MiB .* = 1440 MiB\. .* Give it 1440 MiB or more/);
  expect(plan({}, 512 * MIB, true)).toHaveProperty('refusal');
});
