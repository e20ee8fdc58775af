import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import type { Caller } from '../../src/domain/caller.ts';
import { ANYBODY } from '../../src/domain/identity.ts';
import { Problem } from '../../src/domain/problems.ts';
import { Account } from '../../src/http/admission/in-flight.ts';
import { createCallers } from '../../src/http/callers/callers.ts';
import { ok, type Reply } from '../../src/http/replies/replies.ts';
import { StepGroups } from '../../src/http/step-groups.ts';
import type { SteppedCell } from '../../src/services/compute/step-cell.ts';
import type { CarriedStep } from '../../src/services/compute/step-together.ts';
import type { AnswerSteps, PlainStep } from '../../src/services/sessions/plain-step.ts';

interface Group {
  readonly steps: readonly PlainStep<Reply>[];
  readonly caller: Caller;
  readonly answerAll: () => readonly (Reply | Error)[];
}

const account = new Account(2 ** 20);
const TENSOR = { shape: [1, 1], values: new Float64Array(1) };

function startGroups() {
  const callers = createCallers();
  const asked: Group[] = [];
  const settled = Promise.withResolvers<void>();
  const stepMany = async <S extends PlainStep<Reply>>(steps: readonly S[], answer: AnswerSteps<Reply, S>) => {
    const stepped = steps.map((_, k) => ({ step: k, version: k + 1, cell_version: 1, stepped: {} as never }));
    asked.push({ steps, caller: callers.current(), answerAll: () => answer(stepped, steps) });
    await settled.promise;
  };
  const cells: { readonly cell: string; readonly steps: readonly CarriedStep[] }[] = [];
  /** Takes the first step, and leaves the others. */
  const stepTogether = async <S extends CarriedStep>(cell: string, steps: readonly S[]): Promise<readonly S[]> => {
    if (cell === 'broken') throw new Error('the disk does not answer');
    cells.push({ cell, steps });
    steps[0].settle({ cellVersion: 1 } as SteppedCell);
    return steps.slice(1);
  };
  const groups = new StepGroups({ of: () => ({ sessions: { stepMany }, cells: { stepTogether } }) as never }, callers);
  const requestOf = (ip: string) =>
    ({ ip, identity: ANYBODY, server: { account }, holdBytes: () => undefined }) as unknown as FastifyRequest;
  const step = (ip: string, session: string, answer = () => ok({ session })) =>
    groups.step(requestOf(ip), { session, inputs: TENSOR, return_states: false }, { answer });
  const stepCell = (ip: string, cell: string) => groups.stepCell(requestOf(ip), { cell, inputs: TENSOR });
  return { asked, callers, cells, settled, step, stepCell };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const names = ({ steps }: Group) => steps.map(({ session }) => session);

it('takes the steps together that a client asks for in one turn', async () => {
  const { asked, step } = startGroups();
  void step('1.1.1.1', 'a');
  await Promise.resolve();
  void step('1.1.1.1', 'b');
  void step('2.2.2.2', 'c');
  expect(asked).toEqual([]);
  await turn();
  expect(asked.map(names)).toEqual([['a', 'b'], ['c']]);
  expect(asked.map(({ caller }) => caller.client)).toEqual(['address:1.1.1.1', 'address:2.2.2.2']);
  void step('1.1.1.1', 'd');
  await turn();
  expect(asked.map(names)).toEqual([['a', 'b'], ['c'], ['d']]);
});

it('gives each step its own end', async () => {
  const { asked, step } = startGroups();
  const good = step('1.1.1.1', 'a');
  const bad = step('1.1.1.1', 'b');
  await turn();
  const [one, other] = asked[0].steps;
  one.settle(ok({ session: 'a' }));
  other.settle(new Problem('not-found', 'There is no session.'));
  await expect(good).resolves.toMatchObject({ body: '{"session":"a"}' });
  await expect(bad).rejects.toMatchObject({ code: 'not-found' });
});

it('refuses only the step whose answer cannot be made', async () => {
  const { asked, step } = startGroups();
  void step('1.1.1.1', 'a');
  void step('1.1.1.1', 'b', () => {
    throw new Problem('limit-exceeded', 'too long');
  });
  await turn();
  expect(asked[0].answerAll()).toMatchObject([{ status: 200 }, { code: 'limit-exceeded' }]);
});

it('counts what a group holds until all its steps are settled, and lets no hang-up of one end the others', async () => {
  const { asked, settled, step } = startGroups();
  void step('1.1.1.1', 'a');
  await turn();
  const [{ caller }] = asked;
  expect(caller.signal).toBeUndefined();
  caller.hold(1000);
  expect(account.held).toBe(1000);
  settled.resolve();
  await turn();
  expect(account.held).toBe(0);
});

it('lets a step that is left alone run for the request that asked for it', async () => {
  const { asked, callers, step } = startGroups();
  void step('1.1.1.1', 'a');
  void step('1.1.1.1', 'b');
  await turn();
  const [a, b] = asked[0].steps.map(({ within }) => within?.(() => callers.current()));
  expect(a).not.toBe(b);
  expect(a?.client).toBe('address:1.1.1.1');
  expect(a).not.toBe(asked[0].caller);
});

it('takes the steps of a cell together, and leaves those alone that its service leaves', async () => {
  const { cells, stepCell } = startGroups();
  const steps = ['a', 'b', 'a'].map((cell) => stepCell('1.1.1.1', cell));
  void stepCell('2.2.2.2', 'a');
  await turn();
  expect(cells.map(({ cell, steps }) => [cell, steps.length])).toEqual([
    ['a', 2],
    ['b', 1],
    ['a', 1],
  ]);
  await expect(Promise.all(steps)).resolves.toEqual([{ cellVersion: 1 }, { cellVersion: 1 }, undefined]);
});

it('leaves all steps of a cell alone that cannot be read', async () => {
  const { stepCell } = startGroups();
  const steps = [stepCell('1.1.1.1', 'broken'), stepCell('1.1.1.1', 'broken')];
  await expect(Promise.all(steps)).resolves.toEqual([undefined, undefined]);
});
