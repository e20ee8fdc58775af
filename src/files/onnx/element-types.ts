import type { Dtype } from '../../domain/tensor.ts';
import { DATA_TYPE } from './wire.ts';

/** The dtypes that values at the edges of a graph may have. */
const DTYPES: ReadonlyMap<number, Dtype> = new Map([
  [DATA_TYPE.float, 'float32'],
  [DATA_TYPE.double, 'float64'],
  [DATA_TYPE.float16, 'float16'],
  [DATA_TYPE.int32, 'int32'],
  [DATA_TYPE.int64, 'int64'],
  [DATA_TYPE.bool, 'bool'],
]);

/** Names of onnx.proto, by number. */
const NAMES = 'UNDEFINED FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64'.split(' ');

export function dtypeOfElements(elemType: number): Dtype | undefined {
  return DTYPES.get(elemType);
}

export function elementTypeOf(dtype: Dtype): number {
  for (const [elemType, own] of DTYPES) if (own === dtype) return elemType;
  return DATA_TYPE.float;
}

export function nameOfElements(elemType: number): string {
  return NAMES[elemType] ?? `type ${elemType}`;
}
