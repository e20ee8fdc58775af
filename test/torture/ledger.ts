import { base64Of, type ReferenceStep, UNITS } from './reference-cell.ts';

/** A step that was answered: which number it got, and the output that the client was told. */
export interface AcknowledgedStep {
  readonly key: string;
  readonly inputs: readonly number[];
  readonly step: number;
  /** Base64 of [1, units] float32. */
  readonly output: string;
}

/** A session as it reads in the end. */
export interface FinalSession {
  readonly step: number;
  readonly version: number;
  /** Base64 of [1, units] float32. */
  readonly state: string;
}

/**
 * What the clients of a session know of it, where nothing but steps has happened to it, each of one time step, each sent
 * until it was answered: then the session is exactly what they were answered, or it has lost or repeated a step.
 */
export class Ledger {
  private readonly steps: AcknowledgedStep[] = [];

  acknowledge(step: AcknowledgedStep): void {
    this.steps.push(step);
  }

  get size(): number {
    return this.steps.length;
  }

  /** Everything in which the session differs from what was acknowledged; empty where it is right, bit for bit. */
  faults(final: FinalSession, reference: ReferenceStep): string[] {
    const faults: string[] = [];
    const ordered = this.steps.toSorted((a, b) => a.step - b.step);
    let state = new Float32Array(UNITS);
    for (const [n, { key, step, inputs, output }] of ordered.entries()) {
      if (step !== n + 1) {
        const what =
          step <= n ? `${key} was answered as step ${step}, as another one was` : `nobody took step ${n + 1}`;
        faults.push(`${what}: a step was ${step <= n ? 'lost' : 'lost by its client, or applied twice'}`);
        return faults;
      }
      state = new Float32Array(reference(inputs, state));
      if (base64Of(state) !== output) {
        faults.push(`${key}, step ${step}, was answered ${output}; the replay gives ${base64Of(state)}`);
        return faults;
      }
    }
    const { length } = ordered;
    if (final.step < length) faults.push(`${length} steps were acknowledged and the session has ${final.step}: lost`);
    if (final.step > length) faults.push(`${length} steps were sent and the session has ${final.step}: applied twice`);
    if (final.version !== length + 1) faults.push(`the session has version ${final.version}, not ${length + 1}`);
    if (final.state !== base64Of(state))
      faults.push(`the state is ${final.state}; the replay gives ${base64Of(state)}`);
    return faults;
  }
}
