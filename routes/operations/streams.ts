import type { Operation } from '../../src/http/openapi/operation.ts';

export const STREAM_OPERATIONS = {
  stepSessions: {
    tags: ['Sessions'],
    access: 'step',
    summary: 'Take steps of many sessions',
    description:
      'Each item is a step of one session, independent of the others: it is taken and answered, or refused with its own problem. Steps of one session are taken in their order. All others run side by side, and steps of one cell are computed together. An item that is sent again with its `key` is not taken again.\n\nAs `application/jsonl` it is a stream in both directions: one step per line, and one answer per line, with the `id` of the message, as soon as the step is durable. The stream lasts as long as the client likes. The service stops reading while CELLSTEP_STREAM_IN_FLIGHT lines are unanswered, or while the client does not read the answers.',
    examples: {
      steps: {
        summary: 'One step, and one of a session that does not exist',
        body: {
          steps: [
            { session: 's', inputs: [[2]] },
            { session: 'unknown', inputs: [[2]] },
          ],
        },
      },
      keyed: {
        summary: 'With a key, so that you can send it again',
        body: { steps: [{ id: 1, session: 's', inputs: [[2]], key: 'b1e3', return_states: true }] },
      },
    },
    problems: ['invalid-value', 'invalid-file', 'limit-exceeded', 'wrong-shape'],
  },
} satisfies Record<string, Operation>;
