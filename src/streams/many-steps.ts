import { MAX_ITEMS } from '../../schemas/stream.ts';
import { isJsonObject, quote } from '../domain/json.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';
import type { Holding } from '../http/admission/in-flight.ts';
import { SLICE_BYTES } from '../http/replies/sliced-reply.ts';
import type { AnswerForm, Written } from './answer-form.ts';
import type { Call, Messages } from './carry-out.ts';

/** The most items that run at once. */
const WAVE = 1_000;
/** The most bytes of the answers to one call. Further items are not begun. */
export const MOST_ANSWER_BYTES = 16 * 2 ** 20;

interface CallOfMany<R extends Written> {
  readonly form: AnswerForm<R>;
  readonly sizeOf: (answer: R) => number;
  readonly call: Call;
  /** Counts the answers while others are made. */
  readonly holding: Pick<Holding, 'become'>;
}

/**
 * Carries out the items of one call side by side; items of one session keep their order. Each gets its own answer, in the
 * order of the items.
 */
export async function answersOf<R extends Written>(
  messages: Messages,
  items: readonly unknown[],
  { form, sizeOf, call, holding }: CallOfMany<R>,
): Promise<R[]> {
  const answers: R[] = [];
  let bytes = 0;
  const { sender } = call;
  const limited: Call['sender'] = {
    get isRated() {
      return sender.isRated;
    },
    async carryOut(...asked) {
      if (bytes < MOST_ANSWER_BYTES) return sender.carryOut(...asked);
      throw tooMuch();
    },
  };
  for (let from = 0; from < items.length; from += WAVE) {
    const wave = items.slice(from, from + WAVE);
    const { promise: allAnswered, resolve } = Promise.withResolvers<void>();
    let left = wave.length;
    void messages.carryOutAll(wave, { form, call: { ...call, sender: limited } }, (place, answer) => {
      answers[from + place] = answer;
      bytes += sizeOf(answer);
      holding.become(bytes);
      if (--left === 0) resolve();
    });
    await allAnswered;
  }
  // From now on they count as the reply.
  holding.become(0);
  return answers;
}

/** The text of a reply `{ "results": [...] }`, in pieces to be sent one after another. */
export function* textOfAnswers(answers: readonly string[]): Generator<string> {
  for (let from = 0, to = 0; from < answers.length; from = to) {
    for (let length = 0; to < answers.length && length < SLICE_BYTES; to++) length += answers[to].length;
    const begin = from === 0 ? '{"results":[' : ',';
    // Joined as a whole, the text is copied once.
    yield `${begin}${answers.slice(from, to).join(',')}${to < answers.length ? '' : ']}'}`;
  }
}

function tooMuch(): Problem {
  const detail = `The answers before this one have more than ${MOST_ANSWER_BYTES} bytes. Send this step in another call.`;
  return new Problem('limit-exceeded', detail);
}

/** The items of a body `{ "steps": [...] }`. @throws {Problem} invalid-request for another body */
export function itemsOf(body: unknown): readonly unknown[] {
  if (!isJsonObject(body)) throw fieldProblem('invalid-request', '', 'The body is missing. Send {"steps": [...]}.');
  const { steps, ...others } = body as { steps?: unknown };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw fieldProblem(
      'invalid-request',
      `/${unknown}`,
      `Unknown field ${quote(unknown)}. The field of this body is steps.`,
    );
  }
  if (!Array.isArray(steps))
    throw fieldProblem('invalid-request', '/steps', `${quote(steps ?? null)} is not a list of steps.`);
  if (steps.length >= 1 && steps.length <= MAX_ITEMS) return steps;
  throw fieldProblem('invalid-request', '/steps', `There are ${steps.length} steps. Send 1 to ${MAX_ITEMS}.`);
}
