import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { OWN_WORK } from '../../src/domain/caller.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { createGraphEngine } from '../../src/engine/onnxruntime/graph-engine.ts';
import { endless } from '../support/onnx-models.ts';
import { until } from '../support/until.ts';

const LIMITS = { maxBytes: 2 ** 30, processes: 1, maxResultBytes: 2 ** 20 };
const floats = (shape: number[], ...values: number[]) => new Tensor('float32', shape, Float32Array.from(values));

/** Runs tanh over 0.5, so many times. */
const looping = (engine: ReturnType<typeof createGraphEngine>) => {
  const states = [{ name: 's', output: 'sN' }];
  const graph = engine.prepare({
    id: 'loops',
    model: async () => endless(),
    inputs: ['x', 'rounds'],
    constants: [],
    states,
    outputs: ['y'],
  });
  const run = (rounds: bigint, isJoined = false) => {
    const given = [floats([1, 2], 0.5, 0.5), new Tensor('int64', [], BigInt64Array.of(rounds))];
    const inputs = given.map((tensor) => ({ tensor, perRun: false }));
    return graph.run({ rows: [{ runs: 1, inputs, states: [floats([1, 2], 0, 0)] }], everyState: false, isJoined });
  };
  return { graph, run };
};
const loops = (engine: ReturnType<typeof createGraphEngine>) => looping(engine).run;
const FOR_EVER = 2n ** 62n;

it('refuses one of many requests that wait together, and carries out the others', async () => {
  const engine = createGraphEngine({ ...LIMITS, maxSeconds: 10 });
  onTestFinished(() => engine.close());
  const run = loops(engine);
  await run(1n);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, k) => run(k === 5 ? FOR_EVER : 1n)));
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...Array(5).fill('fulfilled'),
    'rejected',
    ...Array(2).fill('fulfilled'),
  ]);
  expect(outcomes[5]).toMatchObject({ reason: { code: 'limit-exceeded' } });
});

it('leaves a graph alone that has ended three processes, for a minute and for that client alone', async () => {
  let now = 0;
  let client = 'a';
  const caller = () => ({ ...OWN_WORK, client });
  const engine = createGraphEngine({ ...LIMITS, maxSeconds: 10 }, { caller, clock: () => now });
  onTestFinished(() => engine.close());
  const run = loops(engine);
  for (let k = 0; k < 3; k++) {
    await run(1n);
    now += 1000;
    await expect(run(FOR_EVER)).rejects.toMatchObject({ code: 'limit-exceeded' });
  }
  const blocked = {
    code: 'graph-blocked',
    status: 503,
    retryAfterSeconds: 60,
    message: expect.stringMatching(/3 times/),
  };
  await expect(run(1n)).rejects.toMatchObject(blocked);
  const { processes, ended } = engine.statistics();
  expect({ processes, ended }).toEqual({ processes: 0, ended: { 'over-time': 3 } });
  client = 'b';
  await run(1n);
  client = 'a';
  now += 59_000;
  await expect(run(1n)).rejects.toMatchObject({ ...blocked, retryAfterSeconds: 1 });
  now += 1000;
  await run(1n);
});

it('blames no graph for requests that were joined, since each is tried alone after that', async () => {
  const engine = createGraphEngine({ ...LIMITS, maxSeconds: 10 });
  onTestFinished(() => engine.close());
  const { graph, run } = looping(engine);
  for (let k = 0; k < 3; k++) await expect(run(FOR_EVER, true)).rejects.toMatchObject({ code: 'limit-exceeded' });
  expect(graph.mostJoined).toBe(1);
  await run(1n);
});

it('does not count the start of a process, which a busy machine makes long, as time of a graph', async () => {
  const engine = createGraphEngine({ ...LIMITS, maxSeconds: 8 });
  onTestFinished(() => engine.close());
  const children = () => readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').match(/\d+/g) ?? [];
  const before = new Set(children());
  const ran = loops(engine)(1n);
  await until(() => children().some((pid) => !before.has(pid)));
  const [pid] = children().filter((one) => !before.has(one));
  process.kill(Number(pid), 'SIGSTOP');
  await delay(9_000);
  process.kill(Number(pid), 'SIGCONT');
  await expect(ran).resolves.toHaveLength(1);
  expect(engine.statistics()).toMatchObject({ processes: 1, ended: {} });
});
