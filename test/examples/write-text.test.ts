import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { Cellstep } from '../../clients/typescript/src/index.ts';
import { learn, TEXT_TASK, write } from '../../examples/text/language-model.ts';
import { sampler } from '../../examples/text/sampling.ts';
import { readGolden } from '../golden/compare.ts';
import { startApp } from '../support/app.ts';

const keras = readGolden<{ losses: readonly number[] }>('training/text.json');
const text = readFileSync(new URL('../../examples/text/alice.txt', import.meta.url), 'utf8').trim();

async function written(letters: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const letter of letters) all += letter;
  return all;
}

it("learns a text as Keras does, and writes it by a session's steps", async () => {
  const app = await startApp();
  const client = new Cellstep({ url: await app.listen({ port: 0, host: '127.0.0.1' }) });
  const losses: number[] = [];
  // Later the roundings of float32 have grown to what can be seen.
  const updates = 150;
  const model = await learn(client, { ...TEXT_TASK, text, updates }, (update, loss) => {
    expect(update).toBe(losses.length);
    losses.push(loss);
  });
  expect(losses).toHaveLength(updates);
  const off = losses.map((loss, update) => Math.abs(loss / keras.losses[update] - 1));
  expect(Math.max(...off)).toBeLessThan(2e-5);
  expect(losses[updates - 1]).toBeLessThan(losses[0] / 4);

  const sampling = { seed: 3, temperature: 0.7, topK: 5 };
  const once = await written(write(model, 'Alice ', 60, sampling));
  expect(once).toHaveLength(60);
  expect([...once].every((letter) => model.letters.includes(letter))).toBe(true);
  expect(await written(write(model, 'Alice ', 60, sampling))).toBe(once);
  expect(await written(write(model, 'Alice ', 60, { ...sampling, seed: 4 }))).not.toBe(once);
  const likeliest = await written(write(model, 'Alice ', 30, { ...sampling, temperature: 0 }));
  expect(await written(write(model, 'Alice ', 30, { ...sampling, topK: 1 }))).toBe(likeliest);
  // By now it knows words of the text.
  expect(
    likeliest
      .split(' ')
      .slice(0, -1)
      .every((word) => text.includes(word)),
  ).toBe(true);
  await expect(written(write(model, '€', 1, sampling))).rejects.toThrow("The text has no '€'");
  await app.close();
});

it('chooses with the probabilities of a softmax', () => {
  const logits = [1, 3, 2, -50];
  const choose = sampler({ seed: 1, temperature: 2, topK: 3 });
  const counts = [0, 0, 0, 0];
  const draws = 20_000;
  for (let k = 0; k < draws; k++) counts[choose(logits)] += 1;
  const weights = [0.5, 1.5, 1].map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight);
  for (const [id, weight] of weights.entries()) expect(counts[id] / draws).toBeCloseTo(weight / total, 1.5);
  expect(counts[3]).toBe(0);
});

it('shows its progress, and refuses options that cannot be', async () => {
  const script = new URL('../../examples/write-text.ts', import.meta.url).pathname;
  const { CELLSTEP_URL: _, ...env } = process.env;
  const run = (...options: string[]) => promisify(execFile)(process.execPath, [script, ...options], { env });
  const { stdout } = await run('--updates', '10', '--letters', '40', '--prompt', 'The ');
  const bars = [...stdout.matchAll(/^[█░]{30} (\d+)\/10 {2}loss (\d\.\d{4})$/gm)];
  expect(bars.map(([, update]) => Number(update))).toEqual(Array.from({ length: 10 }, (_, k) => k + 1));
  for (const [, update, loss] of bars) expect(Number(loss)).toBeCloseTo(keras.losses[Number(update) - 1], 3);
  expect(stdout).toMatch(/\nThe [\s\S]{40}\n$/);
  await expect(run('--temperature', 'hot')).rejects.toThrow(/--temperature is 'hot'/);
});
