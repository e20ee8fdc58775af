import { expect, it } from 'vitest';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { answersOf } from '../../src/streams/many-steps.ts';

/** Answers each message with itself, and tells how many were begun at once. */
async function answered(count: number) {
  const begun: number[] = [];
  let turns = 0;
  const messages = {
    carryOutAll: (sent: readonly string[], _: unknown, tell: (place: number, answer: string) => void) => {
      begun.push(sent.length);
      for (const [place, message] of sent.entries()) tell(place, message);
    },
  };
  const items = Array.from({ length: count }, (_, k) => `${k}`);
  const turn = async () => void turns++;
  const call = { form: TEXT_FORM, sizeOf: () => 1, call: {} as never, turn };
  expect(await answersOf(messages as never, items, call as never)).toEqual(items);
  return { most: Math.max(...begun), turns };
}

it('begins few steps of a long call in each turn of its sender, and a short call at once', async () => {
  expect(await answered(10_000)).toEqual({ most: 125, turns: 80 });
  expect(await answered(100)).toEqual({ most: 100, turns: 0 });
});
