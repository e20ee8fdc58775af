import { z } from 'zod';
import { JSON_LINES, SAFETENSORS } from '../src/domain/media-types.ts';
import { checkInputs } from './cell.ts';
import { idOf, newId, problem, timestamp, version } from './common.ts';
import { forkBody, openSessionBody, rewindBody, sessionReply, sessionStepBody, sessionStepReply } from './session.ts';
import { tensorFormat, tensorLiteral, tensorReply } from './tensor.ts';
import { checkTraining } from './training.ts';

/** The most items of one call. */
export const MAX_ITEMS = 10_000;
/** The WebSocket subprotocol. */
export const SUBPROTOCOL = 'cellstep.v1';

const id = z
  .union([z.string().min(1).max(128), z.int()])
  .optional()
  .describe('Chosen by the client; the answer has the same one.');
const key = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, { error: 'Send 1 to 255 visible ASCII characters, for example a UUID.' })
  .optional()
  .describe(
    'An Idempotency-Key. A message that is sent again with its key is carried out once and gets the first answer.',
  );
const ifMatch = version
  .optional()
  .describe('Refuse the message unless the session has this version.')
  .meta({ examples: [1] });
const session = idOf('a session').meta({ examples: ['s'] });

/** The fields of every message that changes a session. */
const change = { id, session, key, if_match: ifMatch };

export const stepMessage = z
  .strictObject({ op: z.literal('step').default('step'), ...change, ...sessionStepBody.shape })
  .superRefine(checkTraining)
  .superRefine(checkInputs)
  .meta({
    id: 'StepMessage',
    description: 'The next step of a session.',
    examples: [{ id: 1, session: 's', inputs: [[2]], key: 'a1' }],
  });
export const openMessage = z
  .strictObject({
    op: z.literal('open'),
    id,
    key,
    ...openSessionBody.omit({ id: true }).shape,
    session: newId.describe('Id of the new session; the service makes one if you leave it out.'),
  })
  .meta({
    id: 'OpenMessage',
    description: 'Open a session.',
    examples: [{ op: 'open', id: 2, session: 't', cell: 'cell' }],
  });
export const forkMessage = z
  .strictObject({
    op: z.literal('fork'),
    ...change,
    new_session: newId.describe('Id of the copy; the service makes one if you leave it out.'),
    at_step: forkBody.unwrap().unwrap().shape.at_step,
    tensor_format: tensorFormat,
  })
  .meta({
    id: 'ForkMessage',
    description: 'Copy a session.',
    examples: [{ op: 'fork', id: 3, session: 's', new_session: 'u' }],
  });
export const rewindMessage = z.strictObject({ op: z.literal('rewind'), ...change, ...rewindBody.shape }).meta({
  id: 'RewindMessage',
  description: 'Go back to a kept step.',
  examples: [{ op: 'rewind', id: 4, session: 's', to_step: 0 }],
});
export const resetMessage = z.strictObject({ op: z.literal('reset'), ...change, tensor_format: tensorFormat }).meta({
  id: 'ResetMessage',
  description: 'Back to zero states and step 0.',
  examples: [{ op: 'reset', id: 5, session: 's' }],
});
export const closeMessage = z
  .strictObject({ op: z.literal('close'), ...change })
  .meta({ id: 'CloseMessage', description: 'End a session.', examples: [{ op: 'close', id: 6, session: 's' }] });
export const subscribeMessage = z
  .strictObject({ op: z.literal('subscribe'), id, session, tensor_format: tensorFormat })
  .meta({
    id: 'SubscribeMessage',
    description:
      'From now on, send the socket every change of the session, no matter who makes it. Needs the scope `read` too.',
    examples: [{ op: 'subscribe', id: 7, session: 's' }],
  });
export const unsubscribeMessage = z.strictObject({ op: z.literal('unsubscribe'), id, session }).meta({
  id: 'UnsubscribeMessage',
  description: 'Stop sending the changes of the session.',
  examples: [{ op: 'unsubscribe', id: 8, session: 's' }],
});
export const authMessage = z
  .strictObject({
    op: z.literal('auth'),
    id,
    token: z.string().min(1).max(8192).describe('The key or token, as it would follow Bearer.'),
  })
  .meta({
    id: 'AuthMessage',
    description: 'The first message of a client that cannot send an Authorization header, such as a browser.',
    examples: [{ op: 'auth', token: 'a-key-of-this-service' }],
  });

const answered = { id, session, version };
const session201 = sessionReply.omit({ id: true }).shape;

export const stepAnswer = z
  .object({
    ...answered,
    status: z.literal(200),
    ...sessionStepReply.shape,
    replayed: z.literal(true).optional().describe('This is the first answer, again.'),
  })
  .meta({
    id: 'StepAnswer',
    description: 'The step is taken and durable.',
    examples: [{ id: 1, session: 's', status: 200, output: [[5]], step: 1, cell_version: 1, version: 2 }],
  });
export const sessionAnswer = z
  .object({
    ...session201,
    ...answered,
    status: z.union([z.literal(200), z.literal(201)]),
    replayed: z.literal(true).optional(),
  })
  .meta({ id: 'SessionAnswer', description: 'The session as it is now; 201 if the message made it.' });
export const closedAnswer = z
  .object({ id, session, status: z.literal(204), replayed: z.literal(true).optional() })
  .meta({
    id: 'ClosedAnswer',
    description: 'Done. There is nothing to return.',
    examples: [{ id: 6, session: 's', status: 204 }],
  });
export const problemAnswer = z
  .object({
    id,
    session: session.optional(),
    status: z.int().min(400),
    problem: problem
      .extend({ retry_after: z.int().optional().describe('Seconds to wait before you send the same message again.') })
      .meta({ id: 'MessageProblem' }),
  })
  .meta({ id: 'ProblemAnswer', description: 'The message was refused, and nothing was changed by it.' });

export const changedEvent = z
  .object({
    event: z.literal('changed'),
    session,
    step: sessionReply.shape.step,
    version,
    states: z.array(tensorReply).describe('After the change; [batch_size, units] each.'),
    cell_version: sessionReply.shape.cell_version,
    updated_at: timestamp,
    missed: z
      .int()
      .min(1)
      .optional()
      .describe(
        'How many changes before this one did not reach the socket, because a link between processes was down or their states were too long.',
      ),
  })
  .meta({
    id: 'ChangedEvent',
    description: 'A session that the socket is subscribed to was stepped, reset, rewound, or given states.',
    examples: [
      {
        event: 'changed',
        session: 's',
        step: 1,
        version: 2,
        states: [[[5]]],
        cell_version: 1,
        updated_at: '2030-01-01T00:00:00.000Z',
      },
    ],
  });
export const closedEvent = z.object({ event: z.literal('closed'), session }).meta({
  id: 'ClosedEvent',
  description: 'The session ended, and so did the subscription.',
  examples: [{ event: 'closed', session: 's' }],
});

/** POST /v1/steps. Each item is checked on its own when its turn comes. */
const stepsBody = z
  .strictObject({
    steps: z
      .array(stepMessage)
      .min(1)
      .max(MAX_ITEMS)
      .describe('Steps of one session are taken in their order, all others side by side.'),
  })
  .meta({ id: 'Steps' });
const stepsReply = z
  .object({ results: z.array(z.union([stepAnswer, problemAnswer])).describe('One for each step, in their order.') })
  .meta({ id: 'StepsResult' });

/** The same as a file of tensors: the rows of `inputs` [n, features] are the steps of as many sessions. */
export const stepsFile = z.strictObject({
  inputs: tensorLiteral,
  sessions: z.array(session).min(1).max(MAX_ITEMS),
  keys: z.array(key.unwrap().nullable()).optional(),
  if_match: z.array(version.nullable()).optional(),
  return_states: z.boolean().default(false),
});

function file(description: string) {
  return z.instanceof(Uint8Array).meta({ type: 'string', contentMediaType: SAFETENSORS, description });
}

function lines(contentMediaType: (typeof JSON_LINES)[number], description: string) {
  return z.custom<NodeJS.ReadableStream>().meta({ type: 'string', contentMediaType, description });
}

const SENT_LINES = 'One StepMessage per line, for as long as the client likes.';
export const stepsBodies = z.union([
  stepsBody,
  file(
    'Steps of as many sessions as `inputs` [n, features] has rows; in the metadata, as JSON text, `sessions` with their ids. `keys`, `if_match` (lists of the same length, null for none) and `return_states` are optional.',
  ),
  ...JSON_LINES.map((type) => lines(type, SENT_LINES)),
]);

const ANSWERED_LINES =
  'One StepAnswer or ProblemAnswer per line, sent as soon as its step is durable. The order may differ from the order of the messages.';
export const stepsReplies = z.union([
  stepsReply,
  file(
    '`output` [n, width] and, if asked for, `states.0` …: a row for each step, zeros for a refused one. `results` is in the metadata. If the outputs differ in shape or dtype, or the zeros of refused rows would take more than 16 MiB, they are `output.0`, `output.1` ….',
  ),
  ...JSON_LINES.map((type) => lines(type, ANSWERED_LINES)),
]);
