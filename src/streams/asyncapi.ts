import type { z } from 'zod';
import project from '../../package.json' with { type: 'json' };
import {
  authMessage,
  changedEvent,
  closedAnswer,
  closedEvent,
  closeMessage,
  forkMessage,
  openMessage,
  problemAnswer,
  resetMessage,
  rewindMessage,
  SUBPROTOCOL,
  sessionAnswer,
  stepAnswer,
  stepMessage,
  subscribeMessage,
  unsubscribeMessage,
} from '../../schemas/stream.ts';
import type { JsonObject } from '../domain/json.ts';
import { SchemaComponents, type Side } from '../http/openapi/schemas.ts';

/** Each message of a client, and its answer if it is not a problem. */
const ASKED = [
  [stepMessage, stepAnswer],
  [openMessage, sessionAnswer],
  [forkMessage, sessionAnswer],
  [rewindMessage, sessionAnswer],
  [resetMessage, sessionAnswer],
  [closeMessage, closedAnswer],
  [subscribeMessage, sessionAnswer],
  [unsubscribeMessage, closedAnswer],
  [authMessage, closedAnswer],
] as const;
const EVENTS = [changedEvent, closedEvent] as const;

const DESCRIPTION = `Steps of any number of sessions over one WebSocket, with the subprotocol \`${SUBPROTOCOL}\`.

- A **text message** is one JSON object. A **binary message** is a safetensors file: tensors by their names, the other fields as JSON text in \`__metadata__\`. Its answer is such a file too.
- The service carries out messages of one session in their order, and all others side by side. It answers each one, with its \`id\`, as soon as the change is durable.
- After a **reconnect**, send unanswered messages again with the same \`key\`s. Each is carried out once.
- The answer to a refused message has a \`problem\`, and the socket stays open. The service closes the socket with 1002 for a protocol error, 1009 for a message that is too large, 1008 without a valid key or for a message of more than 1,024 fragments, 1013 when answers are not read or the tenant has too many connections, 1011 after a fault of its own, and 1001 when it ends.
- **Keys**: \`Authorization: Bearer <key>\` in the handshake, or an \`auth\` message as the first message.
- The service stops reading while CELLSTEP_STREAM_IN_FLIGHT messages are unanswered.

\`POST /v1/steps\` with \`Content-Type: application/jsonl\` takes the same step messages, a line each.`;

/** The AsyncAPI document of the socket, made from the types that check its messages. */
export function asyncApiDocument(): JsonObject {
  const schemas = new SchemaComponents();
  const messages: Record<string, JsonObject> = {};
  const add = (type: z.ZodType, side: Side): string => {
    const { id = '', description = '', examples = [] } = type.meta() ?? {};
    schemas.schemaOf(type, side);
    const shown = examples as readonly JsonObject[];
    messages[id] = {
      name: id,
      summary: description,
      contentType: 'application/json',
      payload: { $ref: `#/components/schemas/${id}` },
      ...(shown.length > 0 ? { examples: shown.map((payload) => ({ payload })) } : {}),
    };
    return id;
  };
  const problem = add(problemAnswer, 'output');
  const asked = ASKED.map(([message, answer]) => [add(message, 'input'), add(answer, 'output')] as const);
  const events = EVENTS.map((event) => add(event, 'output'));
  const inChannel = (id: string) => ({ $ref: `#/channels/stream/messages/${id}` });
  const channel = { $ref: '#/channels/stream' };
  const receive = asked.map(([message, answer]) => {
    const answers = [inChannel(answer), inChannel(problem)];
    const operation = {
      action: 'receive',
      channel,
      messages: [inChannel(message)],
      reply: { channel, messages: answers },
    };
    return [`receive${message}`, operation] as const;
  });
  const send = { action: 'send', channel, messages: events.map(inChannel) };
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'cellstep streams',
      version: project.version,
      description: DESCRIPTION,
      license: { name: 'Apache License 2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { service: { host: 'localhost:8080', protocol: 'ws', description: 'The service on this machine.' } },
    channels: {
      stream: {
        address: '/v1/stream',
        description: 'One socket of a client.',
        messages: Object.fromEntries(Object.keys(messages).map((id) => [id, { $ref: `#/components/messages/${id}` }])),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: { ...Object.fromEntries(receive), sendEvents: send },
    components: { schemas: schemas.all(), messages },
  };
  // A copy without shared objects: YAML would write those as anchors and aliases.
  return JSON.parse(JSON.stringify(document));
}
