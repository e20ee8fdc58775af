import type { JsonObject } from '../../domain/json.ts';
import { PROBLEMS, type ProblemCode } from '../../domain/problems.ts';

/** An example of `detail` for each problem. */
const DETAILS: Readonly<Record<ProblemCode, string>> = {
  'invalid-json': "The body is not valid JSON: Expected ',' or ']' after array element in JSON at position 14.",
  'invalid-request': '\'/input\': Unknown field "input". Send inputs, states, trace.',
  'invalid-header':
    'If-Match \'3\' is not a list of ETags. Send "<version>" in double quotes, several with commas between them, or *.',
  'bad-request': "'/v1/cells/%E0' is not a valid url component",
  'sequence-not-started':
    "Sequence 42 of cell 'cell' has not begun, or has ended. Send sequence_start: true with its first request.",
  unauthorized: 'The request has no Authorization: Bearer <key> header.',
  'insufficient-scope': "This needs the scope write; 'reader' has read.",
  'foreign-host':
    'Host "example.com" is not a name of this service. Send the request to localhost or 127.0.0.1, or add the name to CELLSTEP_ALLOWED_HOSTS.',
  'foreign-page':
    'This request comes from another site: Origin "https://example.com". Add its origin to CELLSTEP_CORS_ORIGINS if its pages may call this service.',
  'not-found': "There is no cell 'cell2'.",
  'method-not-allowed': '/v1/cells does not take PUT; it takes GET, HEAD, POST.',
  'not-acceptable':
    "Accept 'image/png' names no type that cell 'cell' is available in. Send one of application/json, application/x-npz.",
  'request-timeout': 'The request did not arrive within 120 seconds.',
  'already-exists': "There is a cell 'cell' already.",
  'already-built': "Cell 'cell' is built with input shape [null,1]; it cannot be built again with [null,2].",
  'not-built': "Cell 'cell' has no variables until it is built.",
  'no-single-step': "Cell 'both' is a Bidirectional: it has no single step.",
  'in-use': "Cell 'cell' has open sessions, for example 's'. End them, or send ?force=true.",
  'cell-gone': "Cell 'cell' of session 's' was deleted.",
  'too-many-pinned-versions':
    "Cell 'cell' would have 101 versions that sessions are pinned to, over the limit of 100 (CELLSTEP_MAX_PINNED_VERSIONS). End all sessions of one of these versions, or leave pin_cell_version out.",
  'read-only-variable':
    "Cell 'vad' is a whole ONNX graph. Its variables are the initializers of its file, and stay as they are.",
  'no-gradients': "Cell 'vad' is a whole ONNX graph. ONNX Runtime computes its outputs and states, and no gradients.",
  'step-not-kept': "'to_step' is 1; session 's' keeps the steps 3 to 12. Send one of these.",
  'in-progress': "A request with idempotency key '6f1c' is still running.",
  'checkpoint-mismatch': 'There is no variable \'v\' now. Send "create_missing": true to make it.',
  conflict: 'The change was tried 100 times, and another one came first each time.',
  'version-mismatch': 'Cell \'cell\' has version 3; If-Match asks for "2".',
  'body-too-large': 'The body is over the limit of 16777216 bytes.',
  'unsupported-media-type': "This route does not accept Content-Type 'text/plain'. Send application/json.",
  'expectation-failed': 'Expect "x" is not supported. Leave it out, or send 100-continue.',
  'wrong-shape': "'inputs' has shape [1,2], so 2 features; cell 'cell' is built for 1. Send 1 features.",
  'ragged-tensor': 'The tensor is ragged: [1] has length 1; its siblings have length 2.',
  'value-out-of-range': '1e+39 is beyond the range of float32; send "Infinity" if you mean that.',
  'invalid-config': "There is no activation 'Tanh'. Did you mean 'tanh'?",
  'unsupported-layer':
    "Layer 'attention' is of class Attention, which this service does not know. Known classes: Dense, GRU.",
  'unsupported-network': "Layer 'dense' is used 2 times; each layer of a network is used once.",
  'invalid-value': "There is no variable 'xt'.",
  'loss-not-finite': 'The loss is NaN at iteration 7. Nothing was changed.',
  'invalid-file': 'The file is not a safetensors file: its header is truncated.',
  'ambiguous-file':
    "The file does not tell batch_first of the GRU 'encoder.gru': a state_dict holds weights only. Send it as a query field, for example ?config.batch_first=true.",
  'several-layers': "The file holds several layers: 'gru_a', 'lstm_a'. Send ?layer= with one of these names.",
  'graph-failed':
    'ONNX Runtime cannot run this graph on these inputs: Got invalid dimensions for input: input. Index: 1 Got: 3 Expected: 576.',
  'no-state':
    "No state was found. Inputs: 'x' FLOAT [1,4]. Outputs: 'y' FLOAT [1,4]. Name the states: ?states=input:output.",
  'idempotency-key-reused':
    "Idempotency key '6f1c' was first used for another request. Make a new key for a new request.",
  'limit-exceeded': 'Shape [8192,8192] is over the limit of 16777216 elements a tensor (CELLSTEP_MAX_ELEMENTS).',
  'session-expired': "Session 's' expired at 2030-01-01T01:00:00.000Z, after 3600 idle seconds.",
  'too-many-requests':
    'More than 100 requests came in a second (CELLSTEP_RATE_LIMIT, or requests_per_second in the keys file). Send the next in 1 s.',
  'quota-exceeded':
    'This tenant may have 100 sessions, and 100 are in use. End a session first. GET /v1/usage shows all quotas.',
  'too-many-keys':
    "The session 's' keeps the answers of 99 requests with an idempotency key, 134217000 bytes; one more is over the limit of 134217728 bytes a thing (CELLSTEP_MAX_KEY_BYTES). Send the request without a key, or after 2030-01-01T00:00:00.000Z, when the first of them goes.",
  'upgrade-required': '/v1/stream is a WebSocket. Open it with the subprotocol cellstep.v1.',
  'headers-too-large': 'The headers are over the limit of 16384 bytes.',
  'tenant-full':
    'This tenant may have 1073741824 bytes in the store, and 1073741200 are in use. Delete something first. GET /v1/usage shows all quotas.',
  'engine-not-installed':
    'Graphs run in ONNX Runtime, and the package onnxruntime-node is not installed. Install it with "npm install onnxruntime-node --ignore-scripts", or use the image whose tag ends in -onnx.',
  'client-gone': 'The client closed its connection before the answer was there.',
  'store-full': 'The store has no room left.',
  'store-unavailable': 'The store does not answer.',
  'issuer-unavailable': 'The keys of the issuer https://login.example cannot be fetched.',
  overloaded: 'Work of about 22 s is waiting already (CELLSTEP_THREADS 2).',
  'compute-failed': 'The thread that computed this ended too early, and so did the thread of a second try.',
  'graph-blocked':
    'This graph has ended its process 3 times, by too much time or memory or by a crash. It runs again in 60 s. Send it other inputs then, or less at once.',
  'shutting-down': 'The service is shutting down.',
  'internal-error': 'The service failed. The request is not to blame.',
};

const POINTERS: Partial<Readonly<Record<ProblemCode, string>>> = {
  'invalid-request': '/input',
  'invalid-header': 'If-Match',
  'already-built': '/input_shape',
  'too-many-pinned-versions': '/pin_cell_version',
  'wrong-shape': '/inputs',
  'ragged-tensor': '/inputs/1',
  'value-out-of-range': '/inputs/0/0',
  'invalid-config': '/config/activation',
  'invalid-value': '/inputs/0/variable',
  'limit-exceeded': '/config/units',
};

/** An example of a problem document, for components/examples. */
export function problemExample(code: ProblemCode): JsonObject {
  const { status, title } = PROBLEMS[code];
  const detail = DETAILS[code];
  const pointer = POINTERS[code];
  const value = {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    instance: '/v1/cells/cell',
    code,
    request_id: 'req_019b8e2f-6a00-7c3d-9f1e-5b7a2c4d6e8f',
    ...(pointer ? { errors: [{ pointer, detail }] } : {}),
    ...(code === 'several-layers' ? { layers: ['gru_a', 'lstm_a'] } : {}),
    ...(code === 'quota-exceeded' ? { quota: 'sessions', limit: 100, used: 100 } : {}),
    ...(code === 'tenant-full' ? { quota: 'stored_bytes', limit: 1073741824, used: 1073741200 } : {}),
    ...(code === 'session-expired' ? { expired_at: '2030-01-01T01:00:00.000Z' } : {}),
  };
  return { summary: title, value };
}
