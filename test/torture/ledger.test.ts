import { beforeAll, describe, expect, it } from 'vitest';
import { type AcknowledgedStep, type FinalSession, Ledger } from './ledger.ts';
import { createRandom } from './random.ts';
import { base64Of, FEATURES, type ReferenceStep, referenceStep, UNITS } from './reference-cell.ts';

describe('a ledger of acknowledged steps', () => {
  let reference: ReferenceStep;
  beforeAll(async () => {
    reference = await referenceStep();
  });

  /** A session that did what its clients asked for, and what they were told. */
  function honest(length: number): { told: AcknowledgedStep[]; final: FinalSession } {
    const random = createRandom(1);
    let state = new Float32Array(UNITS);
    const told = Array.from({ length }, (_, n) => {
      const inputs = Array.from({ length: FEATURES }, () => random.next());
      state = new Float32Array(reference(inputs, state));
      return { key: `k${n}`, inputs, step: n + 1, output: base64Of(state) };
    });
    return { told, final: { step: length, version: length + 1, state: base64Of(state) } };
  }

  function faults(told: readonly AcknowledgedStep[], final: FinalSession): string[] {
    const ledger = new Ledger();
    for (const step of told) ledger.acknowledge(step);
    return ledger.faults(final, reference);
  }

  it('accepts a correct session for any order of the answers', () => {
    const { told, final } = honest(20);
    expect(faults(told, final)).toEqual([]);
    expect(faults(told.toReversed(), final)).toEqual([]);
    expect(faults([], { step: 0, version: 1, state: base64Of(new Float32Array(UNITS)) })).toEqual([]);
  });

  it('finds an acknowledged step that the session has lost', () => {
    const { told, final } = honest(20);
    const before = honest(19).final;
    expect(faults(told, before)).toContain('20 steps were acknowledged and the session has 19: lost');
    expect(faults(told, { ...before, step: 20, version: 21 })[0]).toMatch(/^the state is/);
    expect(faults(told.slice(0, -1), final).length).toBeGreaterThan(0);
  });

  it('finds a step that was applied twice', () => {
    const { told } = honest(20);
    const twice = new Float32Array(reference(told[19].inputs, floats(told[19].output)));
    expect(faults(told, { step: 21, version: 22, state: base64Of(twice) })).toContain(
      '20 steps were sent and the session has 21: applied twice',
    );
    // Applied twice at first, and another step on top of it.
    const shifted = [...told.slice(0, 10), ...told.slice(10).map((step) => ({ ...step, step: step.step + 1 }))];
    expect(faults(shifted, { step: 21, version: 22, state: told[19].output })[0]).toMatch(/nobody took step 11/);
  });

  it('finds two steps that were taken on the same state', () => {
    const { told, final } = honest(20);
    const lost = { ...told[11], step: told[10].step };
    expect(faults(told.with(11, lost), { ...final, step: 19 })[0]).toMatch(/as another one was/);
  });

  it('finds steps that were answered as if in another order, or with a wrong bit', () => {
    const { told, final } = honest(20);
    const exchanged = told.with(3, { ...told[4], step: 4 }).with(4, { ...told[3], step: 5 });
    expect(faults(exchanged, final)[0]).toMatch(/was answered/);
    const bits = floats(told[7].output);
    bits[0] += 2 ** -23;
    expect(faults(told.with(7, { ...told[7], output: base64Of(bits) }), final)[0]).toMatch(/^k7/);
    expect(faults(told, { ...final, version: 99 })).toEqual(['the session has version 99, not 21']);
  });
});

function floats(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}
