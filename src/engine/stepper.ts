import type { Precision, Stepper } from '../domain/ports.ts';
import type { Engine } from './engine.ts';

/** The stepper of the service: for each precision the engine that computes it. Gradients are float64 inside. */
export function createStepper(engines: Readonly<Record<Precision, Engine>>): Stepper {
  return {
    prepare: (program, precision) => {
      const prepared = engines[precision].prepare(program);
      return { step: later(prepared.step.bind(prepared)) };
    },
    prepareSequence: (program, precision) => {
      const prepared = engines[precision].prepareSequence(program);
      return { run: later(prepared.run.bind(prepared)) };
    },
    prepareGradients: (program) => {
      const prepared = engines.exact.prepareGradients(program);
      return { run: later(prepared.run.bind(prepared)) };
    },
  };
}

function later<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => Promise<R> {
  return async (...args) => call(...args);
}
