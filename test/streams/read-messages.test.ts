import { describe, expect, it } from 'vitest';
import { stepMessage } from '../../schemas/stream.ts';
import { tensorFieldsOf } from '../../schemas/tensor-fields.ts';
import { MessageReader } from '../../src/streams/read-messages.ts';
import { atOnce } from '../../src/threads/in-turns.ts';

describe('messages', () => {
  const reader = new MessageReader(tensorFieldsOf(stepMessage), JSON.parse, undefined as never);

  it('of too many fields are refused, with tensors or without', () => {
    const fields = Array.from({ length: 20_000 }, (_, k) => `"f${k}":1`).join();
    for (const text of [`{"inputs":[[1]],${fields}}`, `{${fields}}`]) {
      expect(reader.text(Buffer.from(text))).toMatchObject({ code: 'limit-exceeded' });
      expect(atOnce(reader.inSlices(Buffer.from(text)))).toMatchObject({ code: 'limit-exceeded' });
    }
  });

  it('in a long text of lines are read later, those in a short one at once', () => {
    const blanks = ' '.repeat(2 ** 17);
    const lines = ['{"id":1}', '', '{"id":2}'].join('\n');
    expect(reader.lines(Buffer.from(`${lines}\n`)).map(({ message }) => message)).toEqual([{ id: 1 }, { id: 2 }]);
    const later = reader.lines(Buffer.from(`${lines}${blanks}\n`)).map(({ message }) => message);
    expect(later.map((line) => reader.text(line as Buffer))).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('that are long are the same in slices', () => {
    const numbers = Array.from({ length: 1e5 }, (_, k) => k / 3);
    for (const text of [JSON.stringify({ id: 1, inputs: [numbers] }), JSON.stringify({ names: numbers.map(String) })]) {
      const slices = reader.inSlices(Buffer.from(text));
      expect(slices.next().done).toBe(false);
      expect(JSON.stringify(atOnce(slices))).toBe(JSON.stringify(reader.text(Buffer.from(text))));
    }
    expect(atOnce(reader.inSlices(Buffer.from(`{"inputs":[[${'1,'.repeat(1e5)}`)))).toMatchObject({
      code: 'invalid-json',
    });
  });
});
