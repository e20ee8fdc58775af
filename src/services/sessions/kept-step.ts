import type { Bytes } from '../../domain/bytes.ts';
import { decodeRecord, recordBytes } from '../../domain/record.ts';
import { sameShape, type Tensor } from '../../domain/tensor.ts';

/** A session after one of its steps. */
export interface KeptStates {
  readonly step: number;
  readonly cell_version: number;
  /** One [batch, units] tensor for each state of the cell. */
  readonly states: readonly Tensor[];
  /** The output of the step, [batch, width]; undefined if the session began here. */
  readonly output?: Tensor;
  /** The output that masked steps after it repeat, from the first masked step on. */
  readonly repeated?: Tensor;
}

export interface KeptStep extends KeptStates {
  /** The version of the session that wrote this. */
  readonly uid: string;
  readonly version: number;
  readonly at: number;
}

type KeptFields = Pick<KeptStep, 'uid' | 'step' | 'cell_version' | 'version' | 'at'> & {
  readonly format: 1;
  /** Which state the output is, so that it is not kept twice. */
  readonly output_is_state?: number;
};

/** Beyond its tensors, a kept step has about so many bytes. */
export const FIELD_BYTES = 400;

export function encodeKept({ states, output, repeated, ...fields }: KeptStep): Bytes {
  const state = output ? states.findIndex((one) => sameValues(one, output)) : -1;
  const record: KeptFields = { format: 1, ...fields, ...(state >= 0 ? { output_is_state: state } : {}) };
  const tensors = Object.fromEntries(states.map((state, i) => [`states.${i}`, state]));
  return recordBytes({
    fields: record,
    tensors: { ...tensors, ...(output && state < 0 ? { output } : {}), ...(repeated ? { repeated } : {}) },
  });
}

export function decodeKept(bytes: Uint8Array): KeptStep {
  const { fields, tensors } = decodeRecord<KeptFields>(bytes);
  const { output: own, repeated, ...named } = tensors;
  const { format: _, output_is_state: at, ...rest } = fields;
  const states = Object.values(named);
  const output = own ?? (at === undefined ? undefined : states[at]);
  return { ...rest, states, ...(output ? { output } : {}), ...(repeated ? { repeated } : {}) };
}

/** The same bits of the same shape. */
function sameValues(a: Tensor, b: Tensor): boolean {
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.dtype === b.dtype && sameShape(a.shape, b.shape) && bytes(a).equals(bytes(b));
}
