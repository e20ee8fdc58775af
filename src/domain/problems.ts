/** Every error a client can see, in one table. The key is the problem's `code` and the last part of its `type` URI. */
export const PROBLEMS = {
  'invalid-json': {
    status: 400,
    title: 'The body is not valid JSON',
    help: 'Send UTF-8 JSON. Write NaN and infinities as the strings "NaN", "Infinity" and "-Infinity".',
  },
  'invalid-request': {
    status: 400,
    title: 'The request does not have the shape that this route accepts',
    help: 'Each entry of `errors` points at a field and says what to send there. Unknown fields are refused.',
  },
  'invalid-header': {
    status: 400,
    title: 'A header has an invalid value',
    help: 'If-Match takes "<version>" in double quotes, several of them with commas between, or *; Idempotency-Key takes 1 to 255 visible ASCII characters.',
  },
  'bad-request': {
    status: 400,
    title: 'The request cannot be read',
    help: 'The URL, a header or the framing of the request is malformed.',
  },
  'sequence-not-started': {
    status: 400,
    title: 'The sequence has not begun',
    help: 'No sequence of this id is under way on the cell: it was never begun, or it has ended. Send sequence_start with the first request of a sequence.',
  },
  unauthorized: {
    status: 401,
    title: 'Authentication is needed',
    help: 'Send `Authorization: Bearer <key>` with a key of this service or a token of its issuer. It must not have expired.',
  },
  'insufficient-scope': {
    status: 403,
    title: 'The key or token may not do this',
    help: 'Each route needs a scope (read, step, write or admin). The API documentation names it. Use a key or token that has it.',
  },
  'foreign-host': {
    status: 403,
    title: 'The Host header names another service',
    help: 'A service on this machine without keys answers only to localhost and 127.0.0.1. No web page can then reach it through a name of its own. Send the request to one of these names, or ask the operator to add yours to CELLSTEP_ALLOWED_HOSTS.',
  },
  'foreign-page': {
    status: 403,
    title: 'A page of another site sent this request',
    help: 'Pages of other sites may not call this service. The operator can allow an origin with CELLSTEP_CORS_ORIGINS.',
  },
  'not-found': {
    status: 404,
    title: 'Nothing has this path or id',
    help: 'Check the path and the id. The lists (GET /v1/cells, …) show what exists.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not support this method',
    help: 'The Allow header lists the methods that it supports.',
  },
  'not-acceptable': {
    status: 406,
    title: 'None of the types in Accept is available',
    help: 'The detail lists the available types. Send one of them in Accept, or leave Accept out to get JSON.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    help: 'Send the whole request without a pause. The operator sets the time with CELLSTEP_REQUEST_SECONDS.',
  },
  'already-exists': {
    status: 409,
    title: 'The id is taken',
    help: 'Choose another id, delete the thing that has it, or leave the id out: the service then makes one.',
  },
  'already-built': {
    status: 409,
    title: 'The cell is already built with another input shape',
    help: 'A cell keeps the feature count that it was built with. Create another cell for another feature count.',
  },
  'not-built': {
    status: 409,
    title: 'The cell is not built yet',
    help: 'Build it with POST /v1/cells/{cell}/build, or take a step with it.',
  },
  'no-single-step': {
    status: 409,
    title: 'The cell has no single step',
    help: 'It runs over whole sequences, in both directions. Use POST /v1/cells/{cell}/sequences.',
  },
  'in-use': {
    status: 409,
    title: 'The cell has open sessions',
    help: 'Delete its sessions first, or delete the cell with ?force=true.',
  },
  'cell-gone': {
    status: 409,
    title: "The session's cell was deleted",
    help: 'The hidden state can still be read. Open a session on another cell with it, or delete the session.',
  },
  'too-many-pinned-versions': {
    status: 409,
    title: 'The cell has as many pinned versions as the limit allows',
    help: 'The service keeps a version that sessions pin (pin_cell_version) until the last of them is gone. A deleted session is gone at once, an expired one a day later. Delete all sessions of one pinned version, or open this session without pin_cell_version. The operator sets the limit: CELLSTEP_MAX_PINNED_VERSIONS.',
  },
  'read-only-variable': {
    status: 409,
    title: 'The variables of this cell cannot be changed',
    help: 'The cell is a whole ONNX graph: its variables are the initializers of the file. Create another cell from a changed file.',
  },
  'no-gradients': {
    status: 409,
    title: 'The cell has no gradients',
    help: 'The cell is a whole ONNX graph. It runs in ONNX Runtime, which computes outputs and states only. Train it where it came from.',
  },
  'step-not-kept': {
    status: 409,
    title: 'The session does not keep this step',
    help: 'A session keeps its last steps, as many as `history` said when it was opened. Its `oldest_step` is the first step that it can go back to.',
  },
  'in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    help: 'Send the same request again a little later. It then gets the first reply.',
  },
  'checkpoint-mismatch': {
    status: 409,
    title: 'The checkpoint does not fit what exists now; nothing was restored',
    help: 'Each entry of `errors` names something that is missing or has another shape. Send "create_missing": true to make what is missing.',
  },
  conflict: {
    status: 409,
    title: 'Other changes came first each time',
    help: 'Others changed the same thing at the same time. This request changed nothing; only a restore may have put some things back already. Send the request again.',
  },
  'version-mismatch': {
    status: 412,
    title: 'The version differs from If-Match',
    help: 'Read it again, decide what to change, and send the ETag of that reply as If-Match.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is larger than this service accepts',
    help: 'Send less in one request. The operator sets the limits: CELLSTEP_MAX_BODY_BYTES, and CELLSTEP_MAX_CHECKPOINT_BYTES for files.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This route does not accept this Content-Type',
    help: 'Send Content-Type: application/json, unless the route names another.',
  },
  'expectation-failed': {
    status: 417,
    title: 'This service cannot do what Expect asks for',
    help: 'Leave Expect out, or send Expect: 100-continue.',
  },
  'wrong-shape': {
    status: 422,
    title: 'A tensor has the wrong shape',
    help: 'The detail quotes the shape that was sent and the shape to send.',
  },
  'ragged-tensor': {
    status: 422,
    title: 'A nested tensor is ragged',
    help: 'All arrays of one level must have the same length. The pointer names the first one with another length.',
  },
  'value-out-of-range': {
    status: 422,
    title: 'A value does not fit its dtype',
    help: 'Send a value in the range of the dtype. Write infinity as "Infinity".',
  },
  'invalid-config': {
    status: 422,
    title: 'The configuration has an unknown name or an impossible value',
    help: 'Activations, initializers, regularizers and constraints have the names that Keras gives them. Upper and lower case matter.',
  },
  'unsupported-layer': {
    status: 422,
    title: 'A network has a layer that this service does not know',
    help: 'The detail names the layer, its class and the classes that are known. Replace the layer, or send the part of the network without it.',
  },
  'unsupported-network': {
    status: 422,
    title: 'This service cannot compute the graph of this network',
    help: 'A network has one input and one output, and each of its layers is used once. The detail says what is different.',
  },
  'invalid-value': {
    status: 422,
    title: 'A value is well-formed but impossible',
    help: 'The detail quotes what was sent and says what can be sent.',
  },
  'loss-not-finite': {
    status: 422,
    title: 'The loss is not a finite number',
    help: 'Nothing was changed. Look for NaN and infinities in inputs, targets and weights; a smaller learning rate or clipnorm keeps training from running away.',
  },
  'invalid-file': {
    status: 422,
    title: 'The file cannot be read',
    help: 'It is truncated, damaged, or not in the format that Content-Type names.',
  },
  'several-layers': {
    status: 422,
    title: 'The file holds several layers',
    help: 'A cell is made from one layer. Send its name as ?layer=; `layers` lists the names.',
  },
  'ambiguous-file': {
    status: 422,
    title: 'The file leaves out options that the results depend on',
    help: 'The detail lists the missing options. Send them as query fields, config.<name>=<JSON>, or as JSON under `config` in the __metadata__ of a safetensors file. An option that you leave out has the default of the class.',
  },
  'graph-failed': {
    status: 422,
    title: 'ONNX Runtime cannot run the graph on these inputs',
    help: 'The detail is what the runtime says. Most often an input has a shape that the graph does not take. Nothing was changed.',
  },
  'no-state': {
    status: 422,
    title: 'The graph has no state that could be found',
    help: 'Name the states: ?states=input:output,input:output. ?dry_run=true shows the inputs and outputs of the graph. ?states= without names makes a cell without states.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key was used for another request',
    help: 'A key belongs to one request. Make a new key for a new request.',
  },
  'limit-exceeded': {
    status: 422,
    title: 'The request is over a limit of this service',
    help: 'The detail names the limit. The operator sets limits in the environment; docs/configuration.md lists them.',
  },
  'session-expired': {
    status: 410,
    title: 'The session has expired',
    help: 'It was idle for longer than its ttl_seconds. Open a new session.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests came in too short a time',
    help: 'Nothing was changed. Send the request again after Retry-After seconds. The RateLimit header of each reply says how many more you may send. The operator sets the limit: CELLSTEP_RATE_LIMIT.',
  },
  'quota-exceeded': {
    status: 429,
    title: 'A quota of this tenant is used up',
    help: 'Nothing was changed. `quota`, `limit` and `used` say which quota it is; GET /v1/usage shows all of them. Delete what you do not need, or send the request again after Retry-After seconds. The operator sets quotas: CELLSTEP_QUOTA_…, or `quotas` in the keys file.',
  },
  'too-many-keys': {
    status: 429,
    title: 'Too many replies to requests with an Idempotency-Key are kept',
    help: 'Nothing was changed. Each reply is kept for a day, so that its request can be repeated. Send the request without a key, or after Retry-After seconds. The operator sets the time and the bytes: CELLSTEP_KEY_HOURS, CELLSTEP_MAX_KEY_BYTES.',
  },
  'upgrade-required': {
    status: 426,
    title: 'This path is a WebSocket',
    help: 'Open it with a WebSocket client and the subprotocol that the detail names.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are larger than this service accepts',
    help: 'Send smaller headers.',
  },
  'tenant-full': {
    status: 507,
    title: 'The quota of stored bytes of this tenant is used up',
    help: 'Nothing was changed by this request. Delete what you do not need: GET /v1/usage shows what is in use. The operator sets the quota: CELLSTEP_QUOTA_STORED_BYTES, or `quotas` in the keys file.',
  },
  'engine-not-installed': {
    status: 501,
    title: 'The runtime that this cell needs is not installed',
    help: 'Whole ONNX graphs run in the package onnxruntime-node, which the plain installation does not have. The operator can install it, or use the image that has it.',
  },
  'client-gone': {
    status: 499,
    title: 'The client has hung up',
    help: 'The client closed its connection before the answer was there. The work was ended, and nothing was changed. No client sees this; it stands in logs and metrics.',
  },
  'store-full': {
    status: 507,
    title: 'The store has no room left',
    help: 'Nothing was changed by this request. The operator has to make room.',
  },
  'store-unavailable': {
    status: 503,
    title: 'The store cannot be reached',
    help: 'Nothing was acknowledged. Send the request again after Retry-After seconds, with the same Idempotency-Key.',
  },
  'issuer-unavailable': {
    status: 503,
    title: 'The issuer of tokens does not answer',
    help: 'The service needs the keys of the issuer to verify a token. Send the request again after Retry-After seconds.',
  },
  overloaded: {
    status: 503,
    title: 'The service has too much work already',
    help: 'More work would have to wait too long. Nothing was changed. Send the request again after Retry-After seconds.',
  },
  'compute-failed': {
    status: 503,
    title: 'The thread that computed this died',
    help: 'A second try failed too. Nothing was changed. Send the request again after Retry-After seconds, or send less at once.',
  },
  'graph-blocked': {
    status: 503,
    title: 'The graph has ended its process again and again',
    help: 'The graph ran for too long, took too much memory or crashed, several times within a minute. It is not run for a minute after the last time. Send other inputs after Retry-After seconds, or less at once.',
  },
  'shutting-down': {
    status: 503,
    title: 'The service is shutting down',
    help: 'Send the request again after Retry-After seconds.',
  },
  'internal-error': {
    status: 500,
    title: 'The service failed',
    help: 'This is a fault of the service. Report it with the request_id.',
  },
} as const satisfies Record<string, { status: number; title: string; help: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The most wrong places of a request that a reply names. */
export const MOST_ISSUES = 20;

/** One bad field: an RFC 6901 pointer into the body (or `?name` / a header's name) and what is wrong with it. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

interface ProblemOptions {
  readonly errors?: readonly FieldError[];
  /** Extension members of the problem document, e.g. `{ expired_at }`. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** The same request may succeed after this many seconds. */
  readonly retryAfterSeconds?: number;
  /** The version that the thing has now. */
  readonly version?: number;
  readonly cause?: unknown;
}

/** An error without a stack trace, unless it is a fault: nobody prints that of a refusal, and to make it takes longer than many a refused message. */
export class BareError extends Error {
  constructor(
    message: string,
    { cause, isFault = false }: { readonly cause?: unknown; readonly isFault?: boolean } = {},
  ) {
    const { stackTraceLimit } = Error;
    if (!isFault) Error.stackTraceLimit = 0;
    super(message, { cause });
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** An expected failure, reported to the client. Thrown anywhere; one place (src/http) turns it into a reply. */
export class Problem extends BareError {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];
  readonly extra: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
  readonly version?: number;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause, isFault: PROBLEMS[code].status >= 500 });
    this.name = 'Problem';
    this.code = code;
    this.errors = options.errors ?? [];
    this.extra = options.extra ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.version = options.version;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  /** Whether the request itself was refused and nothing was done. If not, the service failed and the outcome is unknown. */
  get isRefusal(): boolean {
    return this.status < 500;
  }
}

/** A problem of one field. Both the problem and the entry of `errors` have the detail. */
export function fieldProblem(code: ProblemCode, pointer: string, detail: string): Problem {
  return new Problem(code, detail, { errors: [{ pointer, detail }] });
}

/** Nobody reads it: it ends the work for a client that has hung up. */
export function clientGone(): Problem {
  return new Problem('client-gone', 'The client closed its connection before the answer was there.');
}

/** The RFC 6901 pointer of a member of what `pointer` points at. */
export function child(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
