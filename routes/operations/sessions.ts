import type { Operation } from '../../src/http/openapi/operation.ts';
import { SESSION } from './examples.ts';

const tags = ['Sessions'] as const;

const bad = ['wrong-shape', 'ragged-tensor', 'value-out-of-range', 'invalid-value', 'limit-exceeded'] as const;

/** Links from a reply with a session. */
const ofSession = {
  readSession: {
    operationId: 'readSession',
    description: 'Read its state.',
    parameters: { session: '$response.body#/id' },
  },
  stepSession: {
    operationId: 'stepSession',
    description: 'Take its next step.',
    parameters: { session: '$response.body#/id' },
  },
  readCell: { operationId: 'readCell', description: 'Read its cell.', parameters: { cell: '$response.body#/cell' } },
  forkSession: {
    operationId: 'forkSession',
    description: 'Copy it.',
    parameters: { session: '$response.body#/id' },
  },
  listSessionSteps: {
    operationId: 'listSessionSteps',
    description: 'List the steps that it keeps.',
    parameters: { session: '$response.body#/id' },
  },
  deleteSession: {
    operationId: 'deleteSession',
    description: 'End it.',
    parameters: { session: '$response.body#/id' },
  },
};

const { states: _, ...LISTED } = SESSION;

export const SESSION_OPERATIONS = {
  openSession: {
    tags,
    access: 'step',
    summary: 'Open a session',
    description:
      'Opens a hidden state on a cell. The service keeps it until the session is deleted or has been idle for `ttl_seconds`. It starts from `initial_state`, or from zeros. With `history` you can list its last steps, go back to them and fork from them. With `pin_cell_version` it always uses the weights that its cell has now.',
    examples: {
      session: {
        summary: 'From zeros, with its last ten steps kept',
        body: { id: 's', cell: 'cell', history: 10 },
        reply: SESSION,
      },
      warm: {
        summary: 'Two rows from a given state, for an hour at a time',
        body: { id: 'warm', cell: 'cell', batch_size: 2, initial_state: [[[1], [0]]], ttl_seconds: 3600 },
        reply: {
          ...SESSION,
          id: 'warm',
          batch_size: 2,
          states: [[[1], [0]]],
          history: 0,
          ttl_seconds: 3600,
          expires_at: '2030-01-01T01:00:00.000Z',
        },
      },
    },
    problems: ['already-exists', 'not-built', 'no-single-step', 'too-many-pinned-versions', ...bad],
    links: ofSession,
  },

  listSessions: {
    tags,
    access: 'read',
    summary: 'List the sessions',
    description:
      'All sessions that have not expired, in the order of their ids, a page at a time; with their states if `values=true`. A page may have fewer items than `limit` even if another page follows.',
    examples: { sessions: { summary: 'One session', reply: { items: [LISTED], next_cursor: null } } },
  },

  readSession: {
    tags,
    access: 'read',
    summary: 'Read a session',
    description: 'Its states, its step count, and when it expires.',
    examples: { session: { summary: 'Before its first step', reply: SESSION } },
    problems: ['session-expired'],
    links: ofSession,
  },

  stepSession: {
    tags,
    access: 'step',
    summary: 'Take the next step of a session',
    description:
      'Takes one step for `inputs` [batch_size, features]. For [batch_size, time, features] ([time, batch_size, features] if the cell puts time first) it takes all steps or none. The reply is sent once the new state is durable. Steps that arrive at the same time are taken one after another. `If-Match` refuses a step that is out of turn. With an `Idempotency-Key` a step that is sent again is not taken again.',
    examples: {
      step: {
        summary: 'x = 2, from h = 0: 2·1 + 0·1 + 3 = 5',
        body: { inputs: [[2]] },
        reply: { output: [[5]], step: 1, cell_version: 1 },
      },
      sequence: {
        summary: 'Two steps at once, and the state after them',
        body: { inputs: [[[2], [3]]], return_states: true },
        reply: { output: [[[5], [11]]], step: 2, states: [[[11]]], cell_version: 1 },
      },
      trace: { summary: 'With the values before and after the activation', body: { inputs: [[2]], trace: true } },
    },
    problems: [
      'cell-gone',
      'session-expired',
      'invalid-config',
      ...bad,
      'overloaded',
      'compute-failed',
      'graph-failed',
      'graph-blocked',
      'engine-not-installed',
    ],
    links: {
      readSession: {
        operationId: 'readSession',
        description: 'Read the state after it.',
        parameters: { session: '$request.path.session' },
      },
      stepSession: {
        operationId: 'stepSession',
        description: 'Take the step after it.',
        parameters: { session: '$request.path.session' },
      },
      rewindSession: {
        operationId: 'rewindSession',
        description: 'Go back to before it.',
        parameters: { session: '$request.path.session' },
      },
    },
  },

  listSessionSteps: {
    tags,
    access: 'read',
    summary: 'List the steps that a session keeps',
    description:
      'The last steps in their order, as many as `history` says: the output of each step and the states after it. Every time step of a sequence is one step. States that were put in later replace those after the step. A page may be shorter if the states are large.',
    examples: { steps: { summary: 'Before the first step', reply: { items: [], next_after: null } } },
    problems: ['session-expired', 'conflict'],
  },

  rewindSession: {
    tags,
    access: 'step',
    summary: 'Go back to a kept step',
    description:
      'Sets the states, the step count and the cell version back to what they were after `to_step`, and forgets the later steps. `oldest_step` is the first step that the session can go back to: with a history of n, you can undo n steps. A rewind cannot be undone; fork the session first to keep both.',
    examples: {
      beginning: {
        summary: 'To where it began',
        body: { to_step: 0 },
        reply: { ...SESSION, version: 2 },
      },
    },
    problems: ['session-expired', 'step-not-kept'],
    links: ofSession,
  },

  forkSession: {
    tags,
    access: 'step',
    summary: 'Copy a session',
    description:
      'Makes a new session with the states, step count and settings that this one has now, or had after `at_step`. The two sessions are then independent; the history of the copy begins at the fork. `If-Match` refers to the session that is copied. The body may be left out.',
    examples: {
      past: { summary: 'As it was when it began', body: { at_step: 0 } },
      fork: {
        summary: 'As it is now',
        body: { id: 'fork' },
        reply: { ...SESSION, id: 'fork' },
      },
    },
    problems: ['already-exists', 'cell-gone', 'session-expired', 'step-not-kept'],
    links: ofSession,
  },

  putSessionStates: {
    tags,
    access: 'step',
    summary: 'Put states into a session',
    description:
      'Replaces the states, for example with the states of another session. The step count stays. The history keeps them as the states after the last step.',
    examples: {
      states: {
        summary: 'h = 1',
        body: { states: [[[1]]] },
        reply: { ...SESSION, states: [[[1]]], version: 2 },
      },
    },
    problems: ['cell-gone', 'session-expired', ...bad],
    links: ofSession,
  },

  resetSession: {
    tags,
    access: 'step',
    summary: 'Reset a session',
    description: 'Sets the states to zero and the step count to 0, and begins a new history. The body may be left out.',
    examples: { reset: { summary: 'Answer with nested arrays', body: {}, reply: { ...SESSION, version: 2 } } },
    problems: ['session-expired'],
    links: ofSession,
  },

  deleteSession: {
    tags,
    access: 'step',
    summary: 'End a session',
    description: 'Deletes the session and its states.',
    examples: { session: { summary: 'A session' } },
    problems: ['session-expired'],
  },
} satisfies Record<string, Operation>;
