import { expect, it } from 'vitest';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { answersOf } from '../../src/streams/many-steps.ts';

const inputs = new NestedNumbers([1, 1], Float64Array.of(1));
const plain = (k: number) => ({ session: `s${k}`, inputs }) as object;
const other = (k: number) => ({ session: `s${k}`, x: 1 });

/** Answers each message with itself, and tells how many were begun at once. */
async function answered(count: number, itemOf = plain) {
  const begun: number[] = [];
  let turns = 0;
  const messages = {
    carryOutAll: (sent: readonly object[], _: unknown, tell: (place: number, answer: object) => void) => {
      begun.push(sent.length);
      for (const [place, message] of sent.entries()) tell(place, message);
    },
  };
  const items = Array.from({ length: count }, (_, k) => itemOf(k));
  const turn = async () => void turns++;
  const call = { form: TEXT_FORM, sizeOf: () => 1, call: {} as never, turn };
  expect(await answersOf(messages as never, items, call as never)).toEqual(items);
  return { most: Math.max(...begun), turns };
}

it('begins few steps of a long call in each turn of its sender, and a short call at once', async () => {
  expect(await answered(10_000)).toEqual({ most: 64, turns: 160 });
  expect(await answered(64)).toEqual({ most: 64, turns: 0 });
});

it('begins fewer items in a turn if they are not plain steps', async () => {
  expect(await answered(1_000, other)).toEqual({ most: 13, turns: 77 });
  expect(await answered(13, other)).toEqual({ most: 13, turns: 0 });
  expect(await answered(1_000, (k) => (k % 2 === 0 ? plain(k) : other(k)))).toEqual({ most: 22, turns: 46 });
});
