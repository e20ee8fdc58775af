import type { FastifyRequest } from 'fastify';
import { isJsonObject, quote } from '../domain/json.ts';
import { fieldProblem, type Problem } from '../domain/problems.ts';
import { clientOf } from '../http/callers/callers.ts';
import { retryAfterOf } from '../http/http-problem.ts';
import { keepsAudit, logChange } from '../http/observability/audit.ts';
import { asProblem, logFault, problemDocument } from '../http/replies/problem-replies.ts';
import type { PlainStep } from '../services/sessions/plain-step.ts';
import { turnWithTime } from '../threads/in-turns.ts';
import type { Queue } from '../threads/queue.ts';
import type { AnswerFields, AnswerForm, AnswerOutcome, MessageId, Written } from './answer-form.ts';
import { changeOfMessage, sessionNamedIn } from './audit-message.ts';
import { type MessageHandler, stepOfMany } from './message-handler.ts';
import { type PlainMessage, plainStep } from './plain-step.ts';
import type { Sender } from './sender.ts';
import { SessionTurns } from './session-turns.ts';

/** How much begins at once, in plain steps. */
const PIECE = 64;
/** How many plain steps one takes that has a key, and whose answer is kept. */
const KEYED = 1.5;
/** How many any other message takes: it is carried out on its own. */
const OTHER = 5;

/** Messages with a key, of all callers: those that repeat one another go one after another. */
export type Running = Queue;

/** The request that carries the messages. */
export interface Call {
  readonly url: string;
  readonly id: string;
  readonly log: { error(about: object, message: string): void };
  /** Hears of each problem. */
  readonly refused: (problem: Problem) => void;
  /** Hears of each message and its outcome, where changes are logged. */
  readonly audit?: (sent: unknown, outcome: AnswerOutcome) => void;
  readonly sender: Pick<Sender, 'carryOut' | 'isRated'>;
  /** Waits until the event loop has time for more of the sender's messages; undefined if it has. */
  readonly turn: () => Promise<void> | undefined;
}

/** The call that the messages of a request come by. */
export function callOf(request: FastifyRequest, sender: Sender): Call {
  const { url, id, log, identity, server } = request;
  const refused = (problem: Problem) => server.refused(problem, identity.tenant);
  const audit = (sent: unknown, outcome: AnswerOutcome) => {
    const change = changeOfMessage(sent, outcome);
    if (change) logChange(request, change);
  };
  const heard = keepsAudit(request) ? { audit } : {};
  return { url, id, log, sender, refused, ...heard, turn: () => turnWithTime(clientOf(request)) };
}

/**
 * Carries out the messages of one tenant, one per call. Each gets its own answer, even if it fails. A repetition waits while
 * the first message with its key still runs.
 */
export class Messages {
  private readonly handlers: ReadonlyMap<string, MessageHandler>;
  private readonly tenant: string;
  private readonly running: Running;
  private readonly turns = new SessionTurns();
  private refusal: Problem | undefined;

  constructor(handlers: ReadonlyMap<string, MessageHandler>, tenant: string, running: Running) {
    this.handlers = handlers;
    this.tenant = tenant;
    this.running = running;
  }

  /**
   * Many messages: parsed JSON, or the Problem of what could not be parsed. `answered` hears of each, by its place in `sent`, as
   * soon as it is done. Plain steps are carried out together. They begin when the event loop has time, at once if it has.
   * Resolves when all have begun; until then no other messages of the client may be carried out. Never rejects.
   */
  async carryOutAll<R extends Written>(
    sent: readonly unknown[],
    { form, call }: { readonly form: AnswerForm<R>; readonly call: Call },
    answered: (place: number, answer: R) => void,
  ): Promise<void> {
    /** One answer that cannot be sent must neither keep the others from theirs nor end the process. */
    const tell = (place: number, answer: R | Error) => {
      try {
        const message = sent[place];
        const written = answer instanceof Error ? form.write(refusalOf(message, asProblem(answer), call)) : answer;
        call.audit?.(message, form.outcomeOf(written));
        answered(place, form.labelled(written, idOf(message)));
      } catch (error) {
        call.log.error({ err: error }, 'An answer could not be sent.');
      }
    };
    for (let begun = 0, room = 0; begun < sent.length; ) {
      if (room <= 0) {
        room = PIECE;
        const turn = call.turn();
        if (turn) await turn;
      }
      const steps = call.sender.isRated ? [] : this.plainSteps(sent, { from: begun, room }, form, tell);
      if (steps.length > 0) {
        this.actAll(steps, form, call.sender);
        for (const step of steps) room -= sizeOf(step);
        begun += steps.length;
      } else {
        this.act(sent[begun], form, call).then(tell.bind(undefined, begun), tell.bind(undefined, begun));
        room -= OTHER;
        begun += 1;
      }
    }
  }

  /** The plain steps from `from` on that begin together, as many as there is room for. Empty if another message stands there. */
  private plainSteps<R extends Written>(
    sent: readonly unknown[],
    { from, room }: { readonly from: number; readonly room: number },
    form: AnswerForm<R>,
    tell: (place: number, answer: R | Error) => void,
  ): PlainStep<R>[] {
    const steps: PlainStep<R>[] = [];
    for (let place = from, size = 0; place < sent.length && size < room; place++) {
      const plain = this.plainOf(sent[place]);
      if (!plain) break;
      const end = plain.key === undefined ? undefined : this.begin(this.nameOf('step', plain.session, plain.key));
      let settled = false;
      const settle = (answer: R | Error) => {
        if (settled) return;
        settled = true;
        end?.();
        tell(place, answer);
      };
      const step = stepOfMany(plain, form, settle);
      steps.push(step);
      size += sizeOf(step);
    }
    return steps;
  }

  /** Never throws or rejects: what fails for all steps is told to each that is not settled yet. */
  private actAll<R extends Written>(steps: readonly PlainStep<R>[], form: AnswerForm<R>, sender: Call['sender']): void {
    const act = async () => this.handlers.get('step')?.actAll?.(steps, form);
    this.turns
      .take([], false, () => sender.carryOut(act, form, steps.length))
      .catch((error: Error) => {
        for (const step of steps) step.settle(error);
      });
  }

  /** A step that may be carried out together with others. */
  private plainOf(sent: unknown): PlainMessage | undefined {
    if (this.refusal || !this.turns.isFree) return undefined;
    const plain = plainStep(sent);
    // A repetition waits for the first.
    const repeats = plain?.key !== undefined && this.running.isBusy(this.nameOf('step', plain.session, plain.key));
    return repeats ? undefined : plain;
  }

  /** From now on, answers every message with this problem. */
  refuse(problem: Problem): void {
    this.refusal = problem;
  }

  private async act<R extends Written>(sent: unknown, form: AnswerForm<R>, { sender, turn }: Call): Promise<R> {
    if (this.refusal) throw this.refusal;
    if (sent instanceof Error) throw sent;
    if (!isJsonObject(sent)) {
      throw fieldProblem('invalid-request', '', `${quote(sent)} is not a message. Send a JSON object.`);
    }
    const { op = 'step', session, key, new_session: copy } = sent;
    const handler = this.handlers.get(op as string);
    if (!handler) {
      const known = [...this.handlers.keys()].join(', ');
      throw fieldProblem('invalid-request', '/op', `Unknown op ${quote(op)}. Send one of ${known}.`);
    }
    const carryOut = () => sender.carryOut(() => handler.act(sent, form), form);
    const { session: named } = sessionNamedIn(sent);
    const act = () => (typeof key === 'string' ? this.once(this.nameOf(op, named, key), turn, carryOut) : carryOut());
    return this.turns.take([session, copy], op === 'fork' || op === 'open', act);
  }

  /** A repetition waits for those before it, which may all end in one turn of the event loop, and then for time. */
  private once<R>(name: string, turn: Call['turn'], act: () => Promise<R>): Promise<R> {
    const { running } = this;
    if (!running.isBusy(name)) return running.run(name, act);
    return running.run(name, async () => {
      await turn();
      return act();
    });
  }

  /** Repetitions wait until the function that it returns is called. */
  private begin(name: string): () => void {
    const { running } = this;
    running.enter(name, () => undefined);
    return () => running.leave(name);
  }

  private nameOf(op: unknown, session: string | undefined, key: string): string {
    return `${this.tenant} ${op} ${session} ${key}`;
  }
}

function sizeOf({ once }: PlainStep<unknown>): number {
  return once ? KEYED : 1;
}

/** The id of a message, even of a refused one; undefined if it has no valid id. */
function idOf(sent: unknown): MessageId {
  const { id } = Object(sent) as { id?: unknown };
  if (typeof id === 'string' && id.length <= 128) return id;
  return Number.isSafeInteger(id) ? (id as number) : undefined;
}

function refusalOf(sent: unknown, problem: Problem, { url, id, log, refused }: Call): AnswerFields {
  const { status } = problem;
  refused(problem);
  logFault(log, problem);
  const retryAfter = retryAfterOf(problem);
  const document = problemDocument(problem, url, id);
  return {
    ...sessionNamedIn(sent),
    status,
    problem: retryAfter === undefined ? document : { ...document, retry_after: retryAfter },
  };
}
