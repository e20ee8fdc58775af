import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Ask, echoTask, train } from '../../examples/train-over-http.ts';
import { type GoldenTensor, readGolden } from '../golden/compare.ts';
import { startApp } from '../support/app.ts';
import { call } from '../support/call.ts';

interface Training {
  readonly learning_rate: number;
  readonly inputs: GoldenTensor;
  readonly targets: GoldenTensor;
  readonly weights: Record<string, GoldenTensor>;
  readonly losses: readonly number[];
  readonly trained_weights: Record<string, GoldenTensor>;
}

const keras = readGolden<Training>('training.json');
const task = echoTask();

/** Nested arrays of any depth as one list. */
function flat(values: unknown): number[] {
  return [values].flat(3) as number[];
}

describe('training over HTTP', () => {
  it('has the task that Keras had', () => {
    expect(task.learningRate).toBe(keras.learning_rate);
    expect(flat(task.inputs)).toEqual(keras.inputs.data);
    expect(flat(task.targets)).toEqual(keras.targets.data);
    for (const [name, { data }] of Object.entries(keras.weights)) expect(flat(task.weights[name]), name).toEqual(data);
    expect(Object.keys(task.weights)).toEqual(Object.keys(keras.weights));
  });

  it("lowers the loss as Keras' SGD does, step by step, to the same weights", async () => {
    const app = await startApp();
    let cell = '';
    const ask: Ask = async (path, body) => {
      const reply = await call(app, 'POST', path, body);
      expect(reply.status, reply.text).toBeLessThan(300);
      if (path === '/v1/cells') cell = reply.body.id;
      return reply.body;
    };
    const reported: number[] = [];
    const losses = await train(ask, task, (_, loss) => reported.push(loss));
    expect(reported).toEqual(losses);
    expect(losses).toHaveLength(keras.losses.length);
    // Keras computes in float32, where each rounding is up to 6e-8 of its number, and there are 100 steps. Seen: 1.8e-7.
    const off = losses.map((loss, step) => Math.abs(loss / keras.losses[step] - 1));
    expect(Math.max(...off)).toBeLessThan(2e-6);
    expect(losses[losses.length - 1]).toBeLessThan(losses[0] / 5);

    const { body } = await call(app, 'GET', `/v1/cells/${cell}/weights`);
    for (const [name, { data }] of Object.entries(keras.trained_weights)) {
      flat(body.weights[name]).forEach((value, i) => {
        expect(Math.abs(value - Number(data[i])), `${name}[${i}]`).toBeLessThan(2e-6);
      });
    }
    await app.close();
  });

  it('prints the falling loss from a service of its own', async () => {
    const script = new URL('../../examples/train-over-http.ts', import.meta.url).pathname;
    const { CELLSTEP_URL: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
    const printed = [...stdout.matchAll(/^step +(\d+) {2}loss (\d\.\d{6})$/gm)].map(([, step, loss]) => [+step, loss]);
    expect(printed).toHaveLength(11);
    for (const [step, loss] of printed) expect(Number(loss)).toBeCloseTo(keras.losses[Number(step)], 5);
  });
});
