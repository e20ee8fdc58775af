import type { Operation } from '../../src/http/openapi-operation.ts';

export const STREAM_OPERATIONS = {
  stepSessions: {
    tags: ['Sessions'],
    access: 'step',
    summary: 'Take steps of many sessions',
    description:
      'Each item is a step of one session, and stands alone: it is taken and answered, or refused with a problem of its own, whatever becomes of the others. Those of one session are taken in their order; all others run side by side, and those of one cell in one product. With its `key` an item that is sent again is not taken again.\n\nAs `application/jsonl` it is a stream both ways: a step a line, and a line for each as soon as it is durable, with the `id` of the message. It goes on as long as the client likes: no more is read while CELLSTEP_STREAM_IN_FLIGHT lines are unanswered, or while the answers are not read.',
    examples: {
      steps: {
        summary: 'One step, and one of a session that is not there',
        body: {
          steps: [
            { session: 's', inputs: [[2]] },
            { session: 'unknown', inputs: [[2]] },
          ],
        },
      },
      keyed: {
        summary: 'With a key, so that it may be sent again',
        body: { steps: [{ id: 1, session: 's', inputs: [[2]], key: 'b1e3', return_states: true }] },
      },
    },
    problems: ['invalid-value', 'invalid-file', 'limit-exceeded', 'wrong-shape'],
  },
} satisfies Record<string, Operation>;
