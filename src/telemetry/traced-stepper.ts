import type { BeginStage, Stepper } from '../domain/ports.ts';

/** The same stepper; what it computes for a request is a stage of that request. */
export function traceStepper(stepper: Stepper, beginStage: BeginStage): Stepper {
  function timed<A extends readonly unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const end = beginStage('compute');
      try {
        return await work(...args);
      } finally {
        end();
      }
    };
  }
  return {
    precisionUsed: (cells, precision) => stepper.precisionUsed(cells, precision),
    prepare(program, precision) {
      const cell = stepper.prepare(program, precision);
      return { batchRows: cell.batchRows, step: timed((...args) => cell.step(...args)) };
    },
    prepareSequence(program, precision) {
      const sequence = stepper.prepareSequence(program, precision);
      return { run: timed((request) => sequence.run(request)) };
    },
    prepareGradients(program) {
      const gradients = stepper.prepareGradients(program);
      return { run: timed((request) => gradients.run(request)) };
    },
    prepareTraining(program, precision) {
      const training = stepper.prepareTraining(program, precision);
      return { run: timed((request) => training.run(request)) };
    },
    prepareGraph(program) {
      const graph = stepper.prepareGraph(program);
      return {
        get mostJoined() {
          return graph.mostJoined;
        },
        load: timed(() => graph.load()),
        run: timed((...asked) => graph.run(...asked)),
      };
    },
  };
}
