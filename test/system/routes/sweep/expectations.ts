import { expect } from 'vitest';
import { type Called, expectAnyProblem } from '../../../support/call.ts';
import { PATIENCE_MS } from '../../../support/patience.ts';
import { type Path, pointerOf } from './mutations.ts';
import type { Route } from './routes.ts';
import { type Request, send, type World } from './world.ts';

/** Statuses that a client's fault may have. */
const CLIENT_FAULTS = [400, 404, 405, 409, 412, 413, 415, 422];

/**
 * Sends a damaged request: it is answered soon, never with a fault of the service; what is refused is refused with a
 * problem and has changed nothing. Afterwards the world is as it was.
 */
export async function probe(world: World, route: Route, request: Request, what: string): Promise<Called> {
  const started = performance.now();
  const reply = await send(world.app, route, request);
  const said = `${route} with ${what}: ${reply.status} ${reply.text.slice(0, 600)}`;
  // What is to be caught takes minutes.
  expect(performance.now() - started, `too slow: ${said}`).toBeLessThan(PATIENCE_MS);
  if (reply.status < 300) {
    await world.restore();
    return reply;
  }
  expect(CLIENT_FAULTS, said).toContain(reply.status);
  expectAnyProblem(reply);
  expect(reply.text.length, `a long reply: ${said}`).toBeLessThan(20_000 + 3 * (request.body?.length ?? 0));
  const changed = await world.changes();
  expect(changed, `changed the store: ${said}`).toEqual([]);
  return reply;
}

/** Fields that a wrong value elsewhere makes wrong: which of the two is at fault, only the client knows. */
const RELATED: Readonly<Record<string, readonly string[]>> = {
  inputs: ['states', 'initial_state', 'mask', 'sequence_lengths', 'cotangent', 'targets', 'axis'],
  time_major: ['initial_state', 'mask', 'cotangent'],
  return_sequences: ['cotangent'],
  framework: ['class_name', 'config'],
  class_name: ['config', 'weights'],
};

/**
 * The problem tells where it is: it points into the same field of the body, or its detail quotes the value or the
 * field's name.
 */
export function expectNamed(reply: Called, path: Path, value: unknown, what: string): void {
  const { code, detail, errors = [] } = expectAnyProblem(reply);
  // What a number makes of the loss is told of the loss.
  if (code === 'invalid-json' || code === 'loss-not-finite') return;
  const [field] = path;
  const fields = field === undefined ? [] : [`${field}`, ...(RELATED[field] ?? [])];
  const inField = ({ pointer }: { pointer: string }) =>
    field === undefined || fields.some((name) => pointer.startsWith(pointerOf([name])));
  const names = path.filter((part) => typeof part === 'string');
  const quoted = [...names, ...fields.slice(1), ...quotesOf(value)];
  const named = errors.some(inField) || quoted.some((text) => detail.includes(text));
  expect(named, `${what} is not named by: ${reply.text.slice(0, 600)}`).toBe(true);
}

/** What a detail would quote of a value: itself, or the extents of its shape. */
function quotesOf(value: unknown): string[] {
  if (typeof value === 'string') return [`'${value.slice(0, 60)}`, JSON.stringify(value.slice(0, 60))];
  if (typeof value === 'number') return [`${value}`];
  if (typeof value === 'object' && value !== null && 'shape' in value) return [`${(value.shape as number[])[0]}`];
  return [];
}
