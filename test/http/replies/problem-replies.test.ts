import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { Writable } from 'node:stream';
import Fastify from 'fastify';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Problem, type ProblemCode } from '../../../src/domain/problems.ts';
import { addProblemReplies, logFault, PROBLEM_FORM } from '../../../src/http/replies/problem-replies.ts';
import { SlicedReply } from '../../../src/http/replies/sliced-reply.ts';

it('does not call it a fault that a client hangs up before a long reply begins', async () => {
  let logged = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk;
      done();
    },
  });
  const app = Fastify({ logger: { level: 'error', stream } });
  const refused = Promise.withResolvers<Problem>();
  const asked = Promise.withResolvers<void>();
  addProblemReplies(app, () => PROBLEM_FORM, refused.resolve);
  app.post('/long', (request, reply) => {
    const never = async () => {
      asked.resolve();
      await once(request.raw.socket, 'close');
    };
    return reply.send(new SlicedReply(0, [Buffer.from('never sent')].values(), never));
  });
  await app.listen();
  onTestFinished(() => app.close());
  const client = connect((app.server.address() as AddressInfo).port);
  client.write(
    'POST /long HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
  );
  await asked.promise;
  client.destroy();
  expect((await refused.promise).code).toBe('client-gone');
  expect(logged).toBe('');
});

it.each<[ProblemCode, number]>([
  ['internal-error', 1],
  ['store-full', 1],
  ['overloaded', 0],
  ['tenant-full', 0],
  ['not-found', 0],
])('logs %s as a fault %d times: a client may ask for too much by the thousand', (code, times) => {
  const error = vi.fn();
  logFault({ error }, new Problem(code, 'Why.'));
  expect(error).toHaveBeenCalledTimes(times);
});
