import { expect, it, onTestFinished } from 'vitest';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { readGraphModel } from '../../src/files/onnx/graph-model.ts';
import { createOnnx } from '../../src/files/onnx/onnx.ts';
import { readOnnx } from '../../src/files/onnx/reader.ts';
import { DATA_TYPE, TENSOR } from '../../src/files/onnx/wire.ts';
import { bytes, integer, message, text } from '../../src/files/onnx/write-messages.ts';
import { edge, graph, model, node } from '../support/onnx-models.ts';
import { refusal } from './hostile.ts';

const LIMITS = { ...DEFAULT_FILE_LIMITS, maxUnpackedBytes: 2 ** 24 };

function tensor(name: string, dims: readonly number[], type: number, field: number, data: Uint8Array) {
  const parts = dims.map((extent) => integer(TENSOR.dims, extent));
  return message([...parts, integer(TENSOR.dataType, type), text(TENSOR.name, name), bytes(field, data)]);
}

/** A GRU of one unit whose W is the value of that name. */
function gruOf(weight: string) {
  return node({ op: 'GRU', in: ['X', weight, 'R'], out: ['Y'] });
}

const R = tensor('R', [1, 3, 1], DATA_TYPE.float, TENSOR.rawData, new Uint8Array(12));

it('refuses nodes that make much of little before they have made it', async () => {
  const nodes = [
    node({ op: 'Concat', in: Array<string>(10_000).fill('part'), out: ['W'], attributes: { axis: 2 } }),
    gruOf('W'),
  ];
  const part = tensor('part', [1, 3, 2 ** 18], DATA_TYPE.float, TENSOR.rawData, new Uint8Array(12 * 2 ** 18));
  const file = model(graph({ nodes, initializers: [part, R] }));
  // Memory for 30 GB would not even be there.
  expect(await refusal(() => readOnnx(file, LIMITS))).toMatch(/limit-exceeded: .* unpacked bytes/);
});

it('counts elements of a byte each by what they take in memory', async () => {
  const count = 2 ** 22;
  const wide = tensor('W', [1, 3, count], DATA_TYPE.int64, TENSOR.int64Data, new Uint8Array(3 * count));
  const file = model(graph({ nodes: [gruOf('W')], initializers: [wide, R] }));
  expect(await refusal(() => readOnnx(file, LIMITS))).toMatch(/limit-exceeded: .* unpacked bytes/);
});

it('looks once at each value that an initial state is made of', () => {
  const doubled = Array.from({ length: 200 }, (_, k) => {
    return node({ op: 'Concat', in: [`h${k}`, `h${k}`], out: [`h${k + 1}`], attributes: { axis: 0 } });
  });
  const recurrent = node({
    op: 'GRU',
    in: ['X', 'W', 'R', '', '', 'h200'],
    out: ['Y'],
    attributes: { hidden_size: 1 },
  });
  const zero = tensor('h0', [1, 1, 1], DATA_TYPE.float, TENSOR.rawData, new Uint8Array(4));
  const W = tensor('W', [1, 3, 1], DATA_TYPE.float, TENSOR.rawData, new Uint8Array(12));
  const parts = { inputs: [edge('X', [1, 1, 1])], outputs: [edge('Y', [1, 1, 1, 1])], initializers: [zero, W, R] };
  const file = model(graph({ nodes: [...doubled, recurrent], ...parts }));
  expect(readGraphModel(file, LIMITS).hidden.map(({ which }) => which)).toEqual(['initial_h']);
});

it('lets the event loop go on while a file is read, and gives back what was sent', async () => {
  const nodes = Array.from({ length: 60_000 }, (_, k) => node({ op: 'Identity', in: ['X'], out: [`y${k}`] }));
  const W = tensor('W', [1, 3, 1], DATA_TYPE.float, TENSOR.rawData, new Uint8Array(12).fill(1));
  const file = model(graph({ nodes: [...nodes, gruOf('W')], initializers: [W, R] }));
  let turns = 0;
  const timer = setInterval(() => turns++);
  onTestFinished(() => clearInterval(timer));
  const onnx = createOnnx({ maxCheckpointBytes: 2 ** 26 });
  const { layers } = await onnx.layers(file);
  expect(turns).toBeGreaterThan(10);
  expect(layers.map(({ className }) => className)).toEqual(['GRU']);
  expect(layers[0].weights).toEqual(readOnnx(file).layers[0].weights);
  // Its sender may go on with it.
  expect(file.length).toBeGreaterThan(60_000);
  await expect(onnx.layers(file.subarray(0, 1000))).rejects.toMatchObject({ code: 'invalid-file' });
});
