import { expect, it } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../src/domain/problems.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { messageHandler } from '../../src/streams/message-handler.ts';

it('makes the fingerprint of a message with a key once, and none of one that is refused', async () => {
  let made = 0;
  const text = { toJSON: () => `${++made}` };
  const fingerprints: unknown[] = [];
  const handler = messageHandler(z.any(), async ({ refused }, asked, form) => {
    const { once, answer } = asked<undefined>(() => ({}));
    if (refused) throw new Problem('not-found', 'There is no session.');
    fingerprints.push(once?.fingerprint, once?.fingerprint);
    return answer(undefined) ?? form.write({});
  });
  await expect(handler.act({ key: 'k', text, refused: true }, TEXT_FORM)).rejects.toThrow('There is no session.');
  expect(made).toBe(0);
  await handler.act({ key: 'k', text }, TEXT_FORM);
  expect(made).toBe(1);
  expect(fingerprints[0]).toBe(fingerprints[1]);
});
