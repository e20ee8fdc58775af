import fc from 'fast-check';
import { files } from './files.ts';
import { gradients } from './gradients.ts';
import { initializers } from './initializers.ts';
import { keras as kerasSuite } from './keras.ts';
import { onnx } from './onnx.ts';
import { LibraryError, pythonWith } from './python.ts';
import { pytorch } from './pytorch.ts';
import { Refusal, startService } from './service.ts';
import type { Peers, Suite } from './suite.ts';

/** What can be compared, by the name that `npm run fuzz` takes. */
export const FUZZ: Readonly<Record<string, Suite>> = {
  keras: kerasSuite,
  pytorch,
  onnx,
  files,
  initializers,
  gradients,
} as unknown as Record<string, Suite>;

export interface FuzzOptions {
  readonly seed: number;
  readonly cases: number;
  /** No case begins after that. */
  readonly seconds?: number;
  /** Repeats one case, which a failure has printed. */
  readonly path?: string;
  readonly directory: string;
}

export interface FuzzReport {
  readonly failed: boolean;
  readonly cases: number;
  readonly text: string;
}

/** @throws where there is no Python to compare with */
export async function fuzz(name: string, options: FuzzOptions): Promise<FuzzReport> {
  const { arbitrary, check } = FUZZ[name];
  const { seed, cases, seconds, directory } = options;
  const [keras, torch] = [pythonWith('tensorflow', directory), pythonWith('torch', directory)];
  const peers: Peers = { service: await startService(), keras, torch, directory };
  const started = performance.now();
  try {
    const details = await fc.check(
      fc.asyncProperty(arbitrary, (one) => agree(() => check(one, peers))),
      {
        seed,
        numRuns: cases,
        ...(options.path === undefined ? {} : { path: options.path, endOnFailure: true }),
        ...(seconds === undefined ? {} : { interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false }),
      },
    );
    const took = Math.round((performance.now() - started) / 1000);
    const done = `${name}: ${details.numRuns} cases in ${took} s, seed ${seed}`;
    if (!details.failed) return { failed: false, cases: details.numRuns, text: `${done}: all agree` };
    const again = `npm run fuzz -- ${name} --seed ${seed} --path ${details.counterexamplePath}`;
    const smallest = JSON.stringify(details.counterexample?.[0]);
    const why = details.errorInstance instanceof Error ? details.errorInstance.message : details.errorInstance;
    const text = `${done}: a mismatch.\n${why}\nSmallest case that fails: ${smallest}\nAgain: ${again}`;
    return { failed: true, cases: details.numRuns, text };
  } finally {
    await Promise.all([keras.close(), torch.close()]);
    await peers.service.close();
  }
}

/** Faults of the libraries themselves, in what they have elsewhere: such a case shows nothing. */
const FAULTS: readonly { readonly what: string; readonly says: RegExp }[] = [
  { what: 'Keras runs no masked stack with a SimpleRNNCell on TensorFlow', says: /is a sequence, while substructure/ },
  {
    what: 'nor a masked stack of one LSTMCell on PyTorch',
    says: /calling LSTMCell.call\(\).*list index out of range/s,
  },
];

/** What the one refuses, the other may not compute. */
async function agree(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof LibraryError && FAULTS.some(({ says }) => says.test(error.message))) return;
    if (error instanceof LibraryError) throw new Error(`The library refuses it: ${error.message.slice(-1200)}`);
    if (error instanceof Refusal) throw new Error(`cellstep refuses it: ${error.message}`);
    throw error;
  }
}
