import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, it, onTestFinished } from 'vitest';
import type { GraphProgram } from '../../src/domain/graph.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { createGraphEngine } from '../../src/engine/onnxruntime/graph-engine.ts';
import { LoadedGraphs } from '../../src/engine/onnxruntime/loaded-graphs.ts';
import { accumulator } from '../support/onnx-models.ts';

const LIMITS = { maxBytes: 2 ** 30, maxSeconds: 30, processes: 1, maxResultBytes: 2 ** 20 };

function programOf(id: string, model: () => Uint8Array = accumulator): GraphProgram {
  const states = [
    { name: 'state', output: 'stateN' },
    { name: 'count_in', output: 'count_out' },
  ];
  return { id, model: async () => model(), inputs: ['x', 'gain'], constants: [], states, outputs: ['y'] };
}

const floats = (shape: number[], ...values: number[]) => new Tensor('float32', shape, Float32Array.from(values));
const whole = (shape: number[], value: number) => new Tensor('int64', shape, BigInt64Array.of(BigInt(value)));
const one = (tensor: Tensor) => ({ tensor, perRun: false });
const request = (x: number) => ({
  rows: [
    {
      runs: 1,
      inputs: [one(floats([1, 2], x, x)), one(whole([], 1))],
      states: [floats([1, 2], 0, 0), whole([1, 1], 0)],
    },
  ],
  everyState: false,
});

it('says in one clear problem that the runtime is not installed, and starts nothing', async () => {
  const engine = createGraphEngine(LIMITS, { isInstalled: () => false });
  onTestFinished(() => engine.close());
  const graph = engine.prepare(programOf('a'));
  for (const asked of [graph.load(), graph.run(request(1))]) {
    await expect(asked).rejects.toMatchObject({
      code: 'engine-not-installed',
      status: 501,
      message: expect.stringMatching(/npm install onnxruntime-node --ignore-scripts/),
    });
  }
  expect(engine.statistics()).toEqual({ processes: 0, running: 0, waiting: 0, ended: {} });
});

it('runs many requests of many graphs in one process, each with its own numbers', async () => {
  const engine = createGraphEngine(LIMITS);
  onTestFinished(() => engine.close());
  let loads = 0;
  const graphs = ['a', 'b', 'c'].map((id) =>
    engine.prepare(
      programOf(id, () => {
        loads++;
        return accumulator();
      }),
    ),
  );
  expect(graphs.map(({ mostJoined }) => mostJoined)).toEqual([1, 1, 1]);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => graphs[i % 3].run(request(i))));
  expect(answers.map(([{ outputs }]) => outputs[0][0].data[0])).toEqual(Array.from({ length: 60 }, (_, i) => i));
  for (const { mostJoined } of graphs) expect(mostJoined).toBeGreaterThan(1);
  expect(loads).toBe(3);
  expect(engine.statistics()).toMatchObject({ processes: 1, running: 0, waiting: 0 });
});

it('refuses what waits when it is closed', async () => {
  const engine = createGraphEngine(LIMITS);
  const graph = engine.prepare(programOf('a'));
  const asked = Array.from({ length: 8 }, (_, i) => graph.run(request(i)));
  const outcomes = Promise.allSettled(asked);
  await engine.close();
  for (const outcome of await outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'shutting-down' });
  }
  await expect(graph.run(request(1))).rejects.toMatchObject({ code: 'shutting-down' });
});

it('lets go of the graphs that were not used for longest, by the bytes of their files', () => {
  const loaded = new LoadedGraphs(1200);
  expect(['a', 'b'].map((name) => loaded.add(name, 100))).toEqual([[], []]);
  expect(loaded.has('a')).toBe(true);
  expect(loaded.add('c', 50)).toEqual(['b']);
  expect([loaded.has('a'), loaded.has('b'), loaded.has('c')]).toEqual([true, false, true]);
  // One that is too large by itself is alone.
  expect(loaded.add('d', 1000)).toEqual(['a', 'c']);
  loaded.delete('d');
  expect(loaded.add('e', 200)).toEqual([]);
});

/** The processes that a thread of this one has started. */
function children(): number[] {
  const threads = readdirSync('/proc/self/task');
  return threads.flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').trim().split(/\s+/).map(Number),
  );
}

it.runIf(existsSync('/proc/thread-self/children'))(
  'runs graphs in a process that gives way to the event loop, but not its guard',
  async () => {
    const before = new Set(children());
    const engine = createGraphEngine(LIMITS);
    onTestFinished(() => engine.close());
    await engine.prepare(programOf('a')).run(request(1));
    const [pid] = children().filter((child) => !before.has(child));
    const priorities = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
    const own = getPriority(process.pid);
    expect(getPriority(pid)).toBe(Math.min(own + 10, 19));
    expect(priorities).toContain(own);
  },
);
