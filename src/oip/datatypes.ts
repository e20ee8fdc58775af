import { fieldProblem } from '../domain/problems.ts';
import type { Dtype } from '../domain/tensor.ts';

/** The protocol's names for dtypes. */
export const DATATYPES: Readonly<Record<Dtype, string>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  bfloat16: 'BF16',
  int32: 'INT32',
  int64: 'INT64',
  bool: 'BOOL',
};

const DTYPES = new Map(Object.entries(DATATYPES).map(([dtype, datatype]) => [datatype, dtype as Dtype]));

/** @throws {Problem} invalid-request */
export function dtypeOf(datatype: string, name: string, pointer: string): Dtype {
  const dtype = DTYPES.get(datatype);
  if (dtype) return dtype;
  const known = [...DTYPES.keys()].join(', ');
  const detail = `Input '${name}' has datatype '${datatype}', which cells do not take. Send one of ${known}.`;
  throw fieldProblem('invalid-request', pointer, detail);
}
