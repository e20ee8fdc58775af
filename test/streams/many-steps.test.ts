import { expect, it, vi } from 'vitest';
import { TensorReply } from '../../schemas/tensor.ts';
import type { Problem } from '../../src/domain/problems.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { answersOf, textOfAnswers } from '../../src/streams/many-steps.ts';
import { fileOfAnswers } from '../../src/streams/step-file.ts';

it('has a thousand items of a call under way at most, and answers in their order', async () => {
  const waves: number[] = [];
  const messages = {
    carryOutAll: async (sent: readonly number[], _: unknown, tell: (place: number, answer: string) => void) => {
      waves.push(sent.length);
      await undefined;
      for (const [place, message] of [...sent.entries()].reverse()) tell(place, `${message}`);
    },
  };
  const items = Array.from({ length: 2_500 }, (_, k) => k);
  const call = { form: TEXT_FORM, sizeOf: () => 1, call: {}, holding: { become: () => undefined } };
  expect(await answersOf(messages as never, items, call as never)).toEqual(items.map(String));
  expect(waves).toEqual([1_000, 1_000, 500]);
});

it('begins no other item when the answers have 16 MiB, and counts those while others are made', async () => {
  const long = 'x'.repeat(2 ** 20);
  const begin = vi.fn(async () => long);
  const sender = { isRated: false, carryOut: (act: () => Promise<string>) => act() };
  const messages = {
    async carryOutAll(
      sent: readonly unknown[],
      { call }: { call: { sender: typeof sender } },
      tell: (place: number, answer: string) => void,
    ) {
      for (const place of sent.keys()) {
        tell(place, await call.sender.carryOut(begin).catch((error: Problem) => error.code));
      }
    },
  };
  const held: number[] = [];
  const holding = { become: (bytes: number) => held.push(bytes) };
  const call = { form: TEXT_FORM, sizeOf: (text: string) => text.length, call: { sender }, holding };
  const answers = await answersOf(messages as never, Array(20).fill({}), call as never);
  expect(begin).toHaveBeenCalledTimes(16);
  expect(answers).toEqual([...Array(16).fill(long), ...Array(4).fill('limit-exceeded')]);
  expect([held[15], held.at(-1)]).toEqual([16 * 2 ** 20, 0]);
});

it('stacks no rows of zeros that would take far more than the outputs', () => {
  const output = new TensorReply(new Tensor('float32', [1, 1000], new Float32Array(1000)), 'nested');
  const filesOf = (refused: number) =>
    fileOfAnswers([...Array(refused).fill({ status: 404 }), { status: 200, output }]);
  expect(filesOf(4_000).tensors.get('output')?.shape).toEqual([4_001, 1000]);
  expect([...filesOf(5_000).tensors]).toEqual([['output.5000', output.tensor]]);
});

it('puts the answers of a long reply together in pieces of half a MiB', () => {
  const answers = Array.from({ length: 40 }, (_, k) => JSON.stringify({ id: k, text: 'x'.repeat(2 ** 16) }));
  const pieces = [...textOfAnswers(answers)];
  expect(JSON.parse(pieces.join('')).results).toEqual(answers.map((answer) => JSON.parse(answer)));
  expect(pieces).toHaveLength(5);
  expect([...textOfAnswers(['{}'])]).toEqual(['{"results":[{}]}']);
});
