import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import project from '../../package.json' with { type: 'json' };
import type { InferBody } from '../../schemas/oip.ts';
import { hashSlices } from '../domain/bytes.ts';
import { quote } from '../domain/json.ts';
import type { Limits } from '../domain/limits.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';
import { LONG_BYTES, parserOf } from '../http/bodies/bytes.ts';
import { clientOf, RequestCaller, turnOf } from '../http/callers/callers.ts';
import { KEPT_REPLY } from '../http/changes.ts';
import { listReply } from '../http/replies/page-reply.ts';
import { PROBLEM_FORM, type ProblemForm } from '../http/replies/problem-replies.ts';
import type { Reply } from '../http/replies/replies.ts';
import type { StepGroups } from '../http/step-groups.ts';
import type { Cell, CellRecord } from '../services/cells/cell-record.ts';
import type { Repeatable } from '../services/changes/once.ts';
import type { Services } from '../services/index.ts';
import type { TenantServices } from '../services/tenants/index.ts';
import { atOnce, inTurns } from '../threads/in-turns.ts';
import { codingOf, decodeBody, encodeReply } from './coding.ts';
import { findModel, infer, rowsOf } from './infer.ts';
import { readInferBody } from './infer-body.ts';
import { inferReply } from './infer-reply.ts';
import { sequenceOf } from './sequence.ts';
import { Statistics } from './statistics.ts';

/** The protocol has no pages, so one reply lists at most this many models. */
const MAX_LISTED = 2_000;
const PAGE = 1_000;

/** What GET /v2 answers. */
export const SERVER = {
  name: 'cellstep',
  version: project.version,
  extensions: [
    'sequence',
    'sequence(string_id)',
    'binary_tensor_data',
    'statistics',
    'parameters',
    'model_repository',
    'model_configuration',
  ],
};

/** Makes the routes of a scope take any body as bytes. */
export function speakProtocol(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  const parser = parserOf();
  // By its name, a type is found faster.
  scope.addContentTypeParser(['application/octet-stream', 'application/json'], parser);
  scope.addContentTypeParser('*', parser);
}

/** Statuses that are kept. For every other error of a request, Triton answers 400. */
const OWN_STATUSES = new Set([401, 403, 404, 405, 408, 409, 413, 415, 417, 429, 431]);

/** Clients show the text of `error`; some do so only if the type is JSON. */
const ERROR_FORM: ProblemForm = {
  mediaType: 'application/json',
  write(document) {
    const { status, detail } = document;
    return { error: detail, ...document, status: status >= 500 || OWN_STATUSES.has(status) ? status : 400 };
  },
};

/** Errors in the form that the clients of a path read. */
export function problemFormOf(url: string): ProblemForm {
  return /^\/v2(?![^/?#])/.test(url) ? ERROR_FORM : PROBLEM_FORM;
}

/** The model that a path names. */
interface ModelPath {
  readonly cell: string;
  readonly version?: string;
}

/** Answers requests of the Open Inference Protocol over HTTP. */
export class InferenceDoor {
  private readonly services: TenantServices;
  private readonly limits: Pick<Limits, 'maxBodyBytes' | 'maxJsonBytes'>;
  private readonly groups: Pick<StepGroups, 'step'> | undefined;
  private readonly statistics = new Statistics();

  /** With `groups`, steps of sequences that come in one turn are carried out together. */
  constructor(
    services: TenantServices,
    limits: Pick<Limits, 'maxBodyBytes' | 'maxJsonBytes'>,
    groups?: Pick<StepGroups, 'step'>,
  ) {
    this.services = services;
    this.limits = limits;
    this.groups = groups;
  }

  /** @throws {Problem} not-found */
  findModel(request: FastifyRequest, { cell, version }: ModelPath): Promise<Cell> {
    return findModel(this.services.of(request), cell, version);
  }

  /** The body of a request, without its Content-Encoding. @throws {Problem} body-too-large, overloaded, bad-request */
  readBody(request: FastifyRequest): Buffer | Promise<Buffer> {
    const { body, headers } = request;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    return decodeBody(bytes, headers['content-encoding'], {
      maxBytes: this.limits.maxBodyBytes,
      hold: (length) => new RequestCaller(request).hold(length),
      turn: turnOf(request),
    });
  }

  async infer(request: FastifyRequest, { cell: id, version }: ModelPath): Promise<Reply> {
    const start = performance.now();
    const services = this.services.of(request);
    const cell = await findModel(services, id, version);
    const owner = ownerOf(request, cell.record);
    try {
      const sent = this.readBody(request);
      const bytes = sent instanceof Promise ? await sent : sent;
      const reading = readInferBody(bytes, this.limits.maxJsonBytes, headerLengthOf(request));
      const { body, inputs } = bytes.length < LONG_BYTES ? atOnce(reading) : await inTurns(reading, clientOf(request));
      requireSameModel(id, body);
      const read = performance.now();
      const sequence = sequenceOf(body.parameters);
      const once = sequence && (await inTurns(repeatableOf(id, body, bytes), clientOf(request)));
      const outputs = body.outputs?.map(({ name }) => name);
      const reply = await infer(
        services,
        cell,
        { inputs, sequence, outputs },
        {
          answer: (inferred) => inferReply(id, body, inferred),
          once,
          together: this.groups && ((step, change) => this.groups!.step(request, step, change)),
        },
      );
      const inferred = performance.now();
      const coding = codingOf(request.headers['accept-encoding']);
      // Compressing needs room for a copy and for what comes out. Without that room the reply goes as it is.
      const encoded = coding && !request.holdBytes(2 * reply.body.length) ? await encodeReply(reply, coding) : reply;
      this.statistics.succeeded(owner, rowsOf(cell, inputs), { start, read, inferred }, Date.now());
      return encoded;
    } catch (error) {
      this.statistics.failed(owner, start);
      throw error;
    }
  }

  /** Statistics of cells that still exist. */
  show(request: FastifyRequest, cells: readonly CellRecord[]): Promise<Reply> {
    const shown = cells
      .values()
      .map((cell) => this.statistics.show(ownerOf(request, cell), cell.id, String(cell.version)));
    return listReply(request, shown, ['{"model_stats":', '}']);
  }

  /** All cells. @throws {Problem} limit-exceeded where one reply cannot list them */
  async listModels(request: FastifyRequest): Promise<CellRecord[]> {
    const { cells } = this.services.of(request);
    const found: CellRecord[] = [];
    for (let cursor: string | undefined; ; ) {
      const page: Awaited<ReturnType<Services['cells']['list']>> = await cells.list({ limit: PAGE, cursor });
      found.push(...page.items);
      if (page.next_cursor === null) return found;
      if (found.length >= MAX_LISTED) break;
      cursor = page.next_cursor;
    }
    throw new Problem('limit-exceeded', `There are more than ${MAX_LISTED} cells. List them with GET /v1/cells.`);
  }
}

/** The key of a cell's statistics. A later cell with the same id has its own. */
function ownerOf({ identity }: FastifyRequest, { id, uid }: CellRecord): string {
  return `${identity.tenant} ${id} ${uid}`;
}

/** @throws {Problem} invalid-header */
function headerLengthOf({ headers }: FastifyRequest): number | undefined {
  const text = headers['inference-header-content-length'];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  const detail = `Inference-Header-Content-Length '${String(text).slice(0, 80)}' is not a whole number. Send the length of the JSON part in bytes.`;
  throw new Problem('invalid-header', detail, { errors: [{ pointer: 'Inference-Header-Content-Length', detail }] });
}

/** @throws {Problem} invalid-request where the body names another cell than the path */
function requireSameModel(cell: string, { model_name: name = cell }: InferBody): void {
  if (name === cell) return;
  const detail = `model_name is ${quote(name)}, but the path names cell '${cell}'. Leave model_name out.`;
  throw fieldProblem('invalid-request', '/model_name', detail);
}

/** The id of the request, if the request wants it as the key of its step. In slices. @throws {Problem} invalid-request */
function* repeatableOf(
  cell: string,
  { id = '', parameters }: InferBody,
  bytes: Buffer,
): Generator<void, Repeatable<Reply> | undefined> {
  if (!parameters?.cellstep_idempotency) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(id)) {
    const detail = `cellstep_idempotency makes the id of the request the key of its step; the id is '${id.slice(0, 80)}'. Send 1 to 255 visible ASCII characters, for example a UUID.`;
    throw fieldProblem('invalid-request', '/id', detail);
  }
  const hash = createHash('sha256').update(`oip ${cell}\n`);
  yield* hashSlices(hash, bytes);
  return { idempotencyKey: id, fingerprint: hash.digest('hex'), codec: KEPT_REPLY };
}
