/**
 * Hears where somebody speaks. A WAV file is streamed in windows of 512 samples through a session of Silero VAD, over one
 * WebSocket, as a call or a microphone would be. The service keeps the state of the network and the last probabilities, so that
 * this program may be killed at any moment: started again with the same session, it goes on where it was. It decides as
 * VADIterator of the package does.
 *
 * `npm run example:voice -- speech.wav silero_vad.onnx` starts a service of its own; with CELLSTEP_URL it talks to one that runs
 * already. docs/models.md says where the model is. The file has 16 bits, one channel and 16,000 samples a second.
 */
import { readFileSync } from 'node:fs';
import { type Cell, Cellstep, CellstepProblem, type Session, Tensor } from '../clients/typescript/src/index.ts';
import { startService } from '../scripts/tutorial-service.ts';

const RATE = 16_000;
const WINDOW = 512;
/** Samples of the window before that each window begins with. */
const CONTEXT = 64;
const THRESHOLD = 0.5;
/** Speech goes on until the probability is below this, */
const SILENCE = THRESHOLD - 0.15;
/** for so many samples. */
const MIN_SILENCE = 0.1 * RATE;
/** Added before and after speech. */
const PAD = 0.03 * RATE;
/** Steps that the session keeps: half a minute. */
const HISTORY = 1000;

/** A sample at which speech starts or stops. */
export interface SpeechEvent {
  readonly kind: 'start' | 'end';
  readonly sample: number;
}

/** Turns the probabilities of windows, one after another, into where speech starts and stops. */
export class SpeechDetector {
  private heard = 0;
  private speaking = false;
  private silentFrom = 0;

  hear(probability: number): SpeechEvent | undefined {
    this.heard += WINDOW;
    if (probability >= THRESHOLD) {
      this.silentFrom = 0;
      if (this.speaking) return undefined;
      this.speaking = true;
      return { kind: 'start', sample: Math.max(0, Math.trunc(this.heard - PAD - WINDOW)) };
    }
    if (probability >= SILENCE || !this.speaking) return undefined;
    this.silentFrom ||= this.heard;
    if (this.heard - this.silentFrom < MIN_SILENCE) return undefined;
    const sample = Math.trunc(this.silentFrom + PAD - WINDOW);
    this.silentFrom = 0;
    this.speaking = false;
    return { kind: 'end', sample };
  }
}

/** The samples of a WAV file, from -1 to 1. */
export function readWav(bytes: Buffer): Float32Array {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('this is not a WAV file');
  }
  for (let at = 12, rate = 0; at + 8 <= bytes.length; ) {
    const [name, size] = [bytes.toString('latin1', at, at + 4), bytes.readUInt32LE(at + 4)];
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (name === 'fmt ') {
      const [format, channels, bits] = [body.readUInt16LE(0), body.readUInt16LE(2), body.readUInt16LE(14)];
      rate = body.readUInt32LE(4);
      if (format !== 1 || channels !== 1 || bits !== 16 || rate !== RATE) {
        throw new Error(
          `send 16 bits, one channel, ${RATE} Hz; this has ${bits} bits, ${channels} channels, ${rate} Hz`,
        );
      }
    }
    if (name === 'data')
      return Float32Array.from({ length: body.length >> 1 }, (_, i) => body.readInt16LE(2 * i) / 32768);
    at += 8 + size + (size % 2);
  }
  throw new Error('the WAV file has no samples');
}

/** The windows from one on, each after the last samples of the one before. */
function* windowsOf(samples: Float32Array, first: number): Generator<Tensor> {
  for (let window = first; (window + 1) * WINDOW <= samples.length; window++) {
    const data = new Float32Array(CONTEXT + WINDOW);
    const from = window * WINDOW - CONTEXT;
    data.set(samples.subarray(Math.max(from, 0), from + CONTEXT + WINDOW), Math.max(-from, 0));
    yield new Tensor(data, [1, CONTEXT + WINDOW]);
  }
}

/** The session with this id, opened on Silero VAD if it does not exist. */
async function sessionOf(cellstep: Cellstep, id: string, model: string): Promise<Session> {
  const file = new Uint8Array(readFileSync(model));
  const query = { graph: 'true', id: 'silero-vad', constants: JSON.stringify({ sr: RATE }) };
  const isThere = (error: unknown) => error instanceof CellstepProblem && error.code === 'already-exists';
  try {
    const cell: Cell = await cellstep.cells.import('application/x-onnx', file, query);
    return await cell.openSession({ id, history: HISTORY });
  } catch (error) {
    if (!isThere(error)) throw error;
  }
  return cellstep.cells
    .get('silero-vad')
    .openSession({ id, history: HISTORY })
    .catch((error) => {
      if (isThere(error)) return cellstep.session(id);
      throw error;
    });
}

/** The probabilities of the windows that the session has heard already. */
async function heardBefore(url: string, { id }: Session, headers: Record<string, string>): Promise<number[]> {
  const heard: number[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const reply = await fetch(`${url}/v1/sessions/${id}/steps?after=${after}&limit=1000`, { headers });
    const page = (await reply.json()) as { items: { output: number[][] }[]; next_after: number | null };
    for (const { output } of page.items) heard.push(output[0][0]);
    after = page.next_after;
  }
  return heard;
}

/** Streams a WAV file through the session, and yields each start and end of speech that is new. */
export async function* listen(
  url: string,
  { wav, model, session: id }: { readonly wav: string; readonly model: string; readonly session: string },
): AsyncGenerator<SpeechEvent> {
  const [key] = (process.env.CELLSTEP_API_KEYS ?? '').split(',');
  const cellstep = new Cellstep({ url, ...(key ? { key } : {}) });
  try {
    const session = await sessionOf(cellstep, id, model);
    const detector = new SpeechDetector();
    const before = await heardBefore(url, session, key ? { authorization: `Bearer ${key}` } : {});
    for (const probability of before) detector.hear(probability);
    for await (const { output } of session.stream(windowsOf(readWav(readFileSync(wav)), before.length))) {
      const event = detector.hear(Number(output.item()));
      if (event) yield event;
    }
  } finally {
    cellstep.close();
  }
}

if (import.meta.main) {
  const [wav, model, session = 'voice'] = process.argv.slice(2);
  if (!wav || !model) throw new Error('usage: voice-activity.ts speech.wav silero_vad.onnx [session]');
  const running = process.env.CELLSTEP_URL;
  const service = running ? undefined : await startService({ CELLSTEP_STORE: 'memory:' });
  try {
    for await (const { kind, sample } of listen(running ?? service?.url ?? '', { wav, model, session })) {
      console.log(`${(sample / RATE).toFixed(3)} s: speech ${kind === 'start' ? 'starts' : 'stops'}`);
    }
  } finally {
    await service?.stop();
  }
}
