import type { Model } from './linearizability.ts';

/** The state of ROTATING_CELL, and an input of it. */
export type Pair = readonly [number, number];

/**
 * A cell that a model can compute by hand and without rounding: h' = x + (h turned by 90°), in whole numbers. Steps do
 * not commute, so that their order shows.
 */
export const ROTATING_CELL = {
  class_name: 'SimpleRNNCell',
  config: { units: 2, activation: 'linear', use_bias: false },
  input_shape: [null, 2],
  weights: {
    kernel: [
      [1, 0],
      [0, 1],
    ],
    recurrent_kernel: [
      [0, 1],
      [-1, 0],
    ],
  },
} as const;

interface ModelSession {
  readonly version: number;
  readonly step: number;
  readonly state: Pair;
  /** How many steps it keeps. */
  readonly limit: number;
  readonly oldest: number;
  /** States after the steps `oldest` to `step`. */
  readonly kept: readonly Pair[];
}

/** A session under an id, or null while there is none. */
export type SessionState = ModelSession | null;

interface Conditional {
  /** The version that If-Match asks for. */
  readonly ifMatch?: number;
}

/** A call, as far as it is about one session. A fork is two: `copy` of the one and `open` of the other. */
export type SessionInput =
  | { readonly kind: 'open'; readonly step: number; readonly state: Pair; readonly limit: number }
  | (Conditional & { readonly kind: 'step'; readonly inputs: readonly Pair[] })
  | (Conditional & { readonly kind: 'put'; readonly state: Pair })
  | (Conditional & { readonly kind: 'reset' | 'delete' })
  | (Conditional & { readonly kind: 'rewind'; readonly to: number })
  | {
      readonly kind: 'restore';
      readonly step: number;
      readonly state: Pair;
      /** Of a session that it makes. */
      readonly limit: number;
      readonly createMissing: boolean;
    }
  | (Conditional & { readonly kind: 'copy'; readonly at?: number })
  | { readonly kind: 'read' | 'list' };

/** What a reply says; a member that it does not have says nothing. */
export type SessionOutput =
  | { readonly problem: string }
  | {
      readonly version?: number;
      readonly step?: number;
      readonly state?: Pair;
      readonly limit?: number;
      readonly oldest?: number;
      /** Steps that it keeps after the oldest, with their states. */
      readonly kept?: readonly (readonly [step: number, state: Pair])[];
    };

/** A session as the API promises it, one call at a time. */
export const sessionModel: Model<SessionState, SessionInput, SessionOutput> = {
  initial: null,
  apply(session, input, output) {
    const { problems = [], next } = transition(session, input);
    if (output === undefined) return next;
    if ('problem' in output) return problems.includes(output.problem) ? session : undefined;
    if (next === undefined || !shows(next ?? session, input, output)) return undefined;
    return next;
  },
  changesNothing: ({ kind }, output) => 'problem' in output || kind === 'read' || kind === 'list' || kind === 'copy',
  keyOf: (session) => JSON.stringify(session),
};

/** The session after the call; or the problems that the call may be answered with, one of them where there is no `next`. */
interface Transition {
  readonly problems?: readonly string[];
  readonly next?: SessionState;
}

function transition(session: SessionState, input: SessionInput): Transition {
  if (input.kind === 'open') return session ? { problems: ['already-exists'] } : { next: opened(input, input.limit) };
  if (input.kind === 'restore') return restored(session, input);
  if (!session) return { problems: ['not-found'] };
  if ('ifMatch' in input && input.ifMatch !== undefined && input.ifMatch !== session.version) {
    return { problems: ['version-mismatch'] };
  }
  switch (input.kind) {
    case 'read':
    case 'list':
      return { next: session };
    case 'step': {
      const kept = [...session.kept];
      for (const x of input.inputs) kept.push(turned(x, kept[kept.length - 1]));
      return { next: keep(session, session.step + input.inputs.length, kept) };
    }
    case 'put':
      return { next: keep(session, session.step, [...session.kept.slice(0, -1), input.state]) };
    case 'reset':
      return { next: { ...session, version: session.version + 1, ...anew(0, [0, 0]) } };
    case 'delete':
      return { next: null };
    case 'rewind': {
      const kept = session.kept.slice(0, input.to - session.oldest + 1);
      return isKept(session, input.to) ? { next: keep(session, input.to, kept) } : { problems: ['step-not-kept'] };
    }
    case 'copy':
      return isKept(session, input.at ?? session.step) ? { next: session } : { problems: ['step-not-kept'] };
  }
}

/** It sees whether the session is there before it changes it, so both may have been so at another time than the other. */
function restored(session: SessionState, input: SessionInput & { kind: 'restore' }): Transition {
  const { step, state, createMissing } = input;
  if (session)
    return { problems: ['already-exists'], next: { ...session, version: session.version + 1, ...anew(step, state) } };
  if (createMissing) return { problems: ['not-found'], next: opened(input, input.limit) };
  return { problems: ['checkpoint-mismatch', 'not-found'] };
}

function opened({ step, state }: { readonly step: number; readonly state: Pair }, limit: number): ModelSession {
  return { version: 1, limit, ...anew(step, state) };
}

function anew(step: number, state: Pair): Pick<ModelSession, 'step' | 'state' | 'oldest' | 'kept'> {
  return { step, state, oldest: step, kept: [state] };
}

/** The next version, at `step`, with the last of `kept` as its state; as many of them are kept as its limit says. */
function keep(session: ModelSession, step: number, kept: readonly Pair[]): ModelSession {
  const first = step - kept.length + 1;
  const oldest = Math.max(first, step - session.limit);
  const state = kept[kept.length - 1];
  return { ...session, version: session.version + 1, step, state, oldest, kept: kept.slice(oldest - first) };
}

function isKept({ oldest, step }: ModelSession, wanted: number): boolean {
  return wanted >= oldest && wanted <= step;
}

/** h' = x + (h turned); + 0 makes 0 of -0. */
function turned([x, y]: Pair, [a, b]: Pair): Pair {
  return [x - b + 0, y + a + 0];
}

function shows(
  session: SessionState,
  input: SessionInput,
  output: Exclude<SessionOutput, { problem: string }>,
): boolean {
  if (!session) return input.kind === 'delete';
  const at = input.kind === 'copy' ? (input.at ?? session.step) : session.step;
  const expected = { ...session, step: at, state: session.kept[at - session.oldest] };
  for (const name of ['version', 'step', 'limit', 'oldest'] as const) {
    if (output[name] !== undefined && output[name] !== expected[name]) return false;
  }
  if (output.state && !same(output.state, expected.state)) return false;
  if (!output.kept) return true;
  const kept = session.kept.slice(1);
  return (
    output.kept.length === kept.length &&
    output.kept.every(([step, state], n) => step === session.oldest + 1 + n && same(state, kept[n]))
  );
}

function same([a, b]: Pair, [c, d]: Pair): boolean {
  return a === c && b === d;
}
