import type { SequenceProgram } from '../../../src/domain/program.ts';
import { drawCase, type PathCase } from './programs.ts';
import { met, TARGETS, type Target } from './thresholds.ts';

/** Multiply-adds that a case may take: some 8 ms of the reference engine. */
const WORK = 8e6;
const TRIES = 20_000;

/** Case `index` of a seed: one on the side of a threshold that is its turn. */
export function findCase(seed: number, index: number): PathCase {
  const target = TARGETS[index % TARGETS.length];
  for (let tries = 0; tries < TRIES; tries++) {
    const found = drawCase(seed * 1_000_003 + index * 7919 + tries * 104_729, WORK, (one) => meets(one, target));
    if (found) return found;
  }
  throw new Error(`No case of so little work is on this side: ${JSON.stringify(target)}`);
}

/** A case of a kind with something to do, small enough for gradients. */
export function smallCase(seed: number, kind: SequenceProgram['kind'], work = 6e4): PathCase {
  for (let tries = 0; ; tries++) {
    const found = drawCase(seed * 7717 + tries, work, ({ program, request: { batch, time } }) => {
      return program.kind === kind && batch > 0 && time > 0;
    });
    if (found && !found.request.training) return found;
  }
}

function meets(one: PathCase, { name, above, masked }: Target): boolean {
  return met(one).some((other) => other.name === name && other.above === above && other.masked === masked);
}
