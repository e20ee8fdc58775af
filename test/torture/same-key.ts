import { RetryingClient } from './client.ts';
import { createAgent, exchange } from './exchange.ts';
import { createRandom } from './random.ts';
import { CELL } from './reference-cell.ts';
import type { RunOptions } from './run-options.ts';

const TIMES = 100;
/** A busy machine may take long for a hundred at once. */
const ANSWER_MS = 120_000;
/** What a request may be told that comes while the first is carried out, or more than the service can take. */
const REFUSALS = ['in-progress', 'overloaded'];

/** The size counts rounds: in each, one request comes a hundred times at once. */
export interface SameKey extends Omit<RunOptions, 'progress'> {
  readonly urls: () => readonly string[];
}

/**
 * Sends one step, and one creation, a hundred times at once with one key, to all replicas: each is carried out once, and
 * everybody who is answered gets the same bytes.
 * @throws {Error} where one was carried out twice, or two answers differ
 */
export async function sameKey({ seed, size, urls }: SameKey): Promise<{ requests: number; refused: number }> {
  const agent = createAgent(256);
  const client = new RetryingClient({ agent, urls, random: createRandom(seed) });
  await client.send({ method: 'POST', path: '/v1/cells', body: { id: 'cell', ...CELL } });
  await client.send({ method: 'POST', path: '/v1/sessions', body: { id: 's', cell: 'cell' } });
  const step = { path: '/v1/sessions/s/steps', body: { inputs: [[1, 2, 3]] } };
  const creation = { path: '/v1/sessions', body: { cell: 'cell' } };
  let requests = 0;
  let refused = 0;
  for (let round = 1; round <= size; round++) {
    for (const request of [step, creation]) {
      const sent = { method: 'POST', ...request, key: `round-${round}` } as const;
      const answers = await Promise.all(
        Array.from({ length: TIMES }, (_, n) => exchange(agent, urls()[n % urls().length], sent, ANSWER_MS)),
      );
      const last = await client.send(sent);
      const texts = new Set([...answers.filter(({ status }) => status < 300), last.answer].map(({ text }) => text));
      const others = answers.filter(({ status, body }) => status >= 300 && !REFUSALS.includes(body?.code));
      if (texts.size !== 1 || !last.answer.replayed || others.length > 0) {
        throw new Error(`${request.path}: ${[...texts, ...others.map(({ text }) => text)].join('\n')}`);
      }
      requests += TIMES;
      refused += answers.filter(({ status }) => status >= 300).length;
    }
  }
  const { answer: session } = await client.send({ method: 'GET', path: '/v1/sessions/s' });
  const { answer: list } = await client.send({ method: 'GET', path: '/v1/sessions?limit=1000' });
  agent.destroy();
  if (session.body.step !== size || list.body.items.length !== size + 1) {
    const counts = `${session.body.step} steps and ${list.body.items.length - 1} sessions`;
    throw new Error(`SEED=${seed}: ${size} steps and creations were sent, and there are ${counts}`);
  }
  return { requests, refused };
}
