import { expect, it } from 'vitest';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { answersOf, textOfAnswers } from '../../src/streams/many-steps.ts';

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
  const call = { form: TEXT_FORM, sizeOf: () => 1, call: {} };
  expect(await answersOf(messages as never, items, call as never)).toEqual(items.map(String));
  expect(waves).toEqual([1_000, 1_000, 500]);
});

it('puts the answers of a long reply together in pieces of half a MiB', () => {
  const answers = Array.from({ length: 40 }, (_, k) => JSON.stringify({ id: k, text: 'x'.repeat(2 ** 16) }));
  const pieces = [...textOfAnswers(answers)];
  expect(JSON.parse(pieces.join('')).results).toEqual(answers.map((answer) => JSON.parse(answer)));
  expect(pieces).toHaveLength(5);
  expect([...textOfAnswers(['{}'])]).toEqual(['{"results":[{}]}']);
});
