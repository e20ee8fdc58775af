import { readFileSync } from 'node:fs';
import type { JsonObject } from '../../../src/domain/json.ts';
import { Problem } from '../../../src/domain/problems.ts';
import {
  type KerasConfigOptions,
  type ParsedKeras,
  parseKerasConfig,
} from '../../../src/frameworks/keras/cell-config.ts';

export function golden(file: string) {
  return JSON.parse(readFileSync(new URL(`../../golden/${file}`, import.meta.url), 'utf8'));
}

/** Names as Keras gives them in a fresh process: `gru_cell`, `gru_cell_1` … */
export function freshNames(): (base: string) => string {
  const counts = new Map<string, number>();
  return (base) => {
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return count === 0 ? base : `${base}_${count}`;
  };
}

export function parse(className: string, config: JsonObject, options: Partial<KerasConfigOptions> = {}): ParsedKeras {
  return parseKerasConfig(className, config, { autoName: freshNames(), maxUnits: 4096, ...options });
}

/** The problem that `work` throws; anything else that it throws is passed on. */
function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Code, pointer and detail of the problem, for one assertion. */
export function refusal(work: () => unknown): { code: string; pointer: string | undefined; detail: string } {
  const { code, errors, message } = problemOf(work);
  return { code, pointer: errors[0]?.pointer, detail: message };
}
