import { DATA_TYPE, GRAPH, MODEL, NODE, TENSOR } from '../../../src/files/onnx/wire.ts';
import { bytes, encoded, integer, message, nested, text, type Write } from '../../../src/files/onnx/write-messages.ts';
import type { Attack } from '../attack.ts';

const TYPE = { type: 'application/x-onnx' };
const UNITS = 1350;

function node(op: string, inputs: readonly string[], output: string): Write {
  const parts = [...inputs.map((name) => text(NODE.input, name)), text(NODE.output, output), text(NODE.opType, op)];
  return nested(GRAPH.node, message(parts));
}

function tensor(name: string, dims: readonly number[], type: number, field: number, data: Uint8Array): Write {
  const parts = dims.map((extent) => integer(TENSOR.dims, extent));
  const all = [...parts, integer(TENSOR.dataType, type), text(TENSOR.name, name), bytes(field, data)];
  return nested(GRAPH.initializer, message(all));
}

function model(parts: readonly Write[]): Uint8Array {
  return encoded(message([integer(MODEL.irVersion, 8), nested(MODEL.graph, message(parts))]));
}

const zeros = (length: number) => new Uint8Array(length);
const W = (field: number, type: number, width: number) =>
  tensor('W', [1, 4 * UNITS, UNITS], type, field, zeros(width * 4 * UNITS * UNITS));
const R = (width: number, type: number) =>
  tensor('R', [1, 4 * UNITS, UNITS], type, TENSOR.rawData, zeros(width * 4 * UNITS * UNITS));
const lstm = node('LSTM', ['X', 'W', 'R'], 'Y');

/** Files of up to 60 MB that a client sends again and again. */
const FILES: Readonly<Record<string, () => Uint8Array>> = {
  weights: () => model([lstm, W(TENSOR.rawData, DATA_TYPE.float, 4), R(4, DATA_TYPE.float)]),
  varints: () => model([lstm, W(TENSOR.int32Data, DATA_TYPE.float16, 1), R(2, DATA_TYPE.float16)]),
  nodes: () => model([...Array.from({ length: 180_000 }, (_, k) => node('Identity', ['X'], `y${k}`)), lstm]),
  doubled: () => {
    const concats = Array.from({ length: 60 }, (_, k) => node('Concat', Array<string>(8).fill(`c${k}`), `c${k + 1}`));
    const one = tensor('c0', [1, 4, 2 ** 16], DATA_TYPE.float, TENSOR.rawData, zeros(2 ** 20));
    return model([...concats, one, R(4, DATA_TYPE.float), node('LSTM', ['X', 'c60', 'R', '', '', 'c60', 'c60'], 'Y')]);
  },
};

/** Files of ONNX that are large, or take longer than they look: as layers, and as whole graphs. */
export const ONNX_FILES: readonly Attack[] = [
  {
    name: 'ONNX files: weights of 58 MB, 7 M varints, 180,000 nodes, 8^60 values',
    run: async (target) => {
      const files = Object.values(FILES).map((make) => Buffer.from(make()));
      await target.flood(4, async (client) => {
        await target.post('/v1/cells?id=a-onnx', files[client], TYPE);
        await target.send('DELETE', '/v1/cells/a-onnx');
      });
    },
  },
  {
    name: 'the same ONNX files as whole graphs',
    run: async (target) => {
      const files = Object.values(FILES).map((make) => Buffer.from(make()));
      await target.flood(4, async (client) => {
        await target.post(`/v1/cells?graph=true&states=&id=g-${client}`, files[client], TYPE);
        await target.send('DELETE', `/v1/cells/g-${client}`);
      });
    },
  },
];
