import protobuf from 'protobufjs/minimal.js';
import { BYTES, DIMENSION, FIXED32, NODE, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO, VARINT } from './wire.ts';

/** Writes a part of a message. */
export type Write = (writer: protobuf.Writer) => void;
/** A dimension: its size, or a name if any size is allowed. */
export type Dimension = number | string;

export function encoded(write: Write): Uint8Array {
  const writer = new protobuf.Writer();
  write(writer);
  return writer.finish();
}

/** y = x, under another name. */
export function identityNode(from: string, to: string): Write {
  return message([text(NODE.input, from), text(NODE.output, to), text(NODE.opType, 'Identity')]);
}

export function valueInfo(name: string, elemType: number, dimensions: readonly Dimension[]): Write {
  const dims = dimensions.map((dimension) =>
    nested(
      SHAPE.dim,
      typeof dimension === 'number' ? integer(DIMENSION.value, dimension) : text(DIMENSION.param, dimension),
    ),
  );
  const tensorType = message([integer(TENSOR_TYPE.elemType, elemType), nested(TENSOR_TYPE.shape, message(dims))]);
  return message([text(VALUE_INFO.name, name), nested(VALUE_INFO.type, nested(TYPE.tensorType, tensorType))]);
}

export function message(parts: readonly Write[]): Write {
  return (writer) => {
    for (const part of parts) part(writer);
  };
}

export function nested(field: number, write: Write): Write {
  return (writer) => {
    write(writer.uint32(tag(field, BYTES)).fork());
    writer.ldelim();
  };
}

export function bytes(field: number, value: Uint8Array): Write {
  return (writer) => writer.uint32(tag(field, BYTES)).bytes(value);
}

export function text(field: number, value: string): Write {
  return (writer) => writer.uint32(tag(field, BYTES)).string(value);
}

export function integer(field: number, value: number): Write {
  return (writer) => writer.uint32(tag(field, VARINT)).int64(value);
}

export function float(field: number, value: number): Write {
  return (writer) => writer.uint32(tag(field, FIXED32)).float(value);
}

function tag(field: number, type: number): number {
  return ((field << 3) | type) >>> 0;
}
