/** Every error a client can see, in one table. The key is the problem's `code` and the last part of its `type` URI. */
export const PROBLEMS = {
  'invalid-json': {
    status: 400,
    title: 'The body is not valid JSON',
    help: 'Send UTF-8 JSON. Write NaN and infinities as the strings "NaN", "Infinity" and "-Infinity".',
  },
  'invalid-request': {
    status: 400,
    title: 'The request does not have the shape this route takes',
    help: 'Each entry of `errors` points at a field and says what to send there. Unknown fields are refused.',
  },
  'invalid-header': {
    status: 400,
    title: 'A header has a value that cannot be used',
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
    help: 'Send `Authorization: Bearer <key>` with a key of this service, or with a token of its issuer, that is not expired.',
  },
  'insufficient-scope': {
    status: 403,
    title: 'The key or token may not do this',
    help: 'Each route needs a scope (read, step, write or admin), which the documentation of the API names. Use a key or token that has it.',
  },
  'foreign-host': {
    status: 403,
    title: 'The Host header names another service',
    help: 'A service without keys on this machine answers to localhost and 127.0.0.1 alone, so that no web page reaches it by a name of its own. Send the request to one of these, or let the operator add the name to CELLSTEP_ALLOWED_HOSTS.',
  },
  'foreign-page': {
    status: 403,
    title: 'A page of another site sent this request',
    help: 'Pages of other sites may not call this service. The operator lets in those of an origin with CELLSTEP_CORS_ORIGINS.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing',
    help: 'Check the path and the id. The lists (GET /v1/cells, …) show what exists.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not take this method',
    help: 'The Allow header lists the methods that it takes.',
  },
  'not-acceptable': {
    status: 406,
    title: 'There is no representation that Accept names',
    help: 'The detail lists what there is. Send one of these types as Accept, or leave it out for JSON.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    help: 'Send the whole request without a pause. The operator sets the time with CELLSTEP_REQUEST_SECONDS.',
  },
  'already-exists': {
    status: 409,
    title: 'The id is taken',
    help: 'Choose another id, leave it out to be given one, or delete what has it.',
  },
  'already-built': {
    status: 409,
    title: 'The cell is already built with another input shape',
    help: 'A cell keeps the feature count that it was built with. Create another cell for another one.',
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
    title: 'Sessions are pinned to as many versions of the cell as may be kept',
    help: 'Each version that a session was opened on with pin_cell_version is kept until the last such session is gone: one that is deleted at once, one that expired a day later. Delete all sessions of one of these versions, or open this one without pin_cell_version. The operator sets the limit: CELLSTEP_MAX_PINNED_VERSIONS.',
  },
  'step-not-kept': {
    status: 409,
    title: 'The session does not keep this step',
    help: 'A session keeps as many of its last steps as `history` said when it was opened. `oldest_step` of the session is the first one that it can go back to.',
  },
  'in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    help: 'Send the same request again a little later: it then gets the first reply.',
  },
  'checkpoint-mismatch': {
    status: 409,
    title: 'The checkpoint does not fit what is there; nothing was restored',
    help: 'Each entry of `errors` names what is missing or has another shape. create_missing makes what is missing.',
  },
  conflict: {
    status: 409,
    title: 'The change kept meeting other changes',
    help: 'Others changed the same thing at the same time. Send the request again. Nothing was changed by it, but for a restore, which may have put some things back already.',
  },
  'version-mismatch': {
    status: 412,
    title: 'It has another version than If-Match asks for',
    help: 'Read it again, decide on what it is now, and send the ETag of that reply as If-Match.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is larger than this service takes',
    help: 'Send less in one request. The operator sets the limits: CELLSTEP_MAX_BODY_BYTES, and CELLSTEP_MAX_CHECKPOINT_BYTES for files.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This route does not take this Content-Type',
    help: 'Send Content-Type: application/json, unless the route names another.',
  },
  'expectation-failed': {
    status: 417,
    title: 'This service does not do what Expect asks for',
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
    help: 'All rows of one level have the same length. The pointer names the first one that does not.',
  },
  'value-out-of-range': {
    status: 422,
    title: 'A value does not fit its dtype',
    help: 'Send a value of the range of the dtype; infinity is written "Infinity".',
  },
  'invalid-config': {
    status: 422,
    title: 'The configuration names something that does not exist or cannot be',
    help: 'Activations, initializers, regularizers and constraints are those of Keras, case-sensitive.',
  },
  'unsupported-layer': {
    status: 422,
    title: 'A network has a layer that this service does not know',
    help: 'The detail names the layer, its class and the classes that are known. Replace the layer, or send the part of the network without it.',
  },
  'unsupported-network': {
    status: 422,
    title: 'The graph of a network is not one that this service computes',
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
    help: 'It is truncated, damaged, or not of the format that Content-Type names.',
  },
  'several-layers': {
    status: 422,
    title: 'The file holds several layers',
    help: 'A cell is made of one of them. Send its name, one of `layers`, as ?layer=.',
  },
  'ambiguous-file': {
    status: 422,
    title: 'The file does not tell all that the numbers depend on',
    help: 'The detail lists what is unknown. Send it as query fields, config.<name>=<JSON>, or as JSON under `config` in the __metadata__ of a safetensors file. What you leave out has the default of the class.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key was used for another request',
    help: 'A key belongs to one request. Make a new key for a new request.',
  },
  'limit-exceeded': {
    status: 422,
    title: 'The request is over a limit of this service',
    help: 'The detail names the limit. The operator sets limits in the environment; the README lists them.',
  },
  'session-expired': {
    status: 410,
    title: 'The session has expired',
    help: 'It was idle for longer than its ttl_seconds. Open a new session.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests came in too short a time',
    help: 'Nothing was changed. Send the request again after Retry-After seconds. RateLimit in each reply says how many more may be sent. The operator sets the limit: CELLSTEP_RATE_LIMIT.',
  },
  'too-many-keys': {
    status: 429,
    title: 'The thing keeps as many answers of requests with an Idempotency-Key as it may',
    help: 'Nothing was changed. Each answer is kept for a day, so that its request may be repeated. Send the request without a key, or after Retry-After seconds. The operator sets the time and the bytes: CELLSTEP_KEY_HOURS, CELLSTEP_MAX_KEY_BYTES.',
  },
  'upgrade-required': {
    status: 426,
    title: 'This path is a WebSocket',
    help: 'Open it with a WebSocket client, by the subprotocol that the detail names.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are larger than this service takes',
    help: 'Send smaller headers.',
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
    title: 'The service has too much to do already',
    help: 'So much work is waiting that more would wait too long. Nothing was changed. Send the request again after Retry-After seconds.',
  },
  'compute-failed': {
    status: 503,
    title: 'The thread that computed this died',
    help: 'It was tried a second time, to the same end. Nothing was changed. Send the request again after Retry-After seconds, or less at once.',
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

/** One bad field: an RFC 6901 pointer into the body (or `?name` / a header's name) and what is wrong with it. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

interface ProblemOptions {
  readonly errors?: readonly FieldError[];
  /** Extension members of the problem document, e.g. `{ expired_at }`. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** After so many seconds the same request may succeed. */
  readonly retryAfterSeconds?: number;
  /** The version that the thing has now. */
  readonly version?: number;
  readonly cause?: unknown;
}

/** An expected failure that a client is told of; thrown anywhere, turned into a reply in one place (src/http). */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];
  readonly extra: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
  readonly version?: number;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
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

  /** The request was refused for what it is, and nothing was done. Otherwise the service failed: the outcome is unknown. */
  get isRefusal(): boolean {
    return this.status < 500;
  }
}

/** A problem of one field: the detail stands both in the problem and beside the field's pointer. */
export function fieldProblem(code: ProblemCode, pointer: string, detail: string): Problem {
  return new Problem(code, detail, { errors: [{ pointer, detail }] });
}

/** The RFC 6901 pointer of a member of what `pointer` points at. */
export function child(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
