import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import type { WholeLayer } from '../../src/domain/files.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { type Dtype, Tensor } from '../../src/domain/tensor.ts';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { readOnnx as readModel } from '../../src/files/onnx/reader.ts';
import { writeOnnx } from '../../src/files/onnx/writer.ts';
import { bitsOf, tensorOf } from './arbitrary-tensors.ts';
import { EXPECTED, expectTensor, goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, refusal, truncations } from './hostile.ts';

function readOnnx(...args: Parameters<typeof readModel>): readonly WholeLayer[] {
  return readModel(...args).layers;
}

const GOLDENS = EXPECTED.filter(({ format }) => format === 'onnx');

/** A field of bytes: a submessage, a text or a packed list. */
function field(number: number, ...parts: (Uint8Array | string)[]): Uint8Array {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return new protobuf.Writer()
    .uint32(((number << 3) | 2) >>> 0)
    .bytes(content)
    .finish();
}

function varint(number: number, value: number): Uint8Array {
  return new protobuf.Writer()
    .uint32((number << 3) >>> 0)
    .int64(value)
    .finish();
}

function packed(number: number, values: readonly number[]): Uint8Array {
  const writer = new protobuf.Writer();
  for (const value of values) writer.int64(value);
  return field(number, writer.finish());
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function tensor(name: string, dims: readonly number[], type: number, ...data: Uint8Array[]): Uint8Array {
  return field(5, packed(1, dims), varint(2, type), field(8, name), ...data);
}

function model(...graph: Uint8Array[]): Uint8Array {
  return field(7, ...graph);
}

function gru(inputs: readonly string[] = ['X', 'W', 'R'], ...more: Uint8Array[]): Uint8Array {
  return field(1, ...inputs.map((input) => field(1, input)), field(4, 'GRU'), ...more);
}

const W = tensor('W', [1, 3, 1], 1, field(9, floats([1, 2, 3])));
const R = tensor('R', [1, 3, 1], 1, field(9, floats([4, 5, 6])));

describe('readOnnx', () => {
  it('finds the goldens', () => expect(GOLDENS.length).toBe(3));

  it.each(GOLDENS)('reads the node of $file', ({ file, op, attributes, tensors = {} }) => {
    const [layer, ...others] = readOnnx(goldenBytes(file));
    expect(others).toEqual([]);
    expect([layer.className, layer.config]).toEqual([op, attributes]);
    expect([...layer.weights.keys()]).toEqual(Object.keys(tensors));
    for (const [name, expected] of Object.entries(tensors)) expectTensor(layer.weights.get(name), expected);
  });

  it('reads data in each field that may hold it', () => {
    const double = new Uint8Array(Float64Array.of(0.1, -0, Number.NaN).buffer);
    const cases: [number, Uint8Array[], Dtype, number[]][] = [
      [1, [field(4, floats([1, 2, 3]))], 'float32', [1, 2, 3]],
      [1, [field(4, floats([1, 2])), field(4, floats([3]))], 'float32', [1, 2, 3]],
      [
        1,
        [1, 2, 3].map((value) =>
          new protobuf.Writer()
            .uint32((4 << 3) | 5)
            .float(value)
            .finish(),
        ),
        'float32',
        [1, 2, 3],
      ],
      [11, [field(10, double)], 'float64', [0.1, -0, Number.NaN]],
      [11, [field(9, double)], 'float64', [0.1, -0, Number.NaN]],
      [10, [packed(5, [0x3c00, 0xc000, 0x7c00])], 'float16', [1, -2, Number.POSITIVE_INFINITY]],
      [10, [0x3c00, 0xc000, 0x0001].map((bits) => varint(5, bits)), 'float16', [1, -2, 2 ** -24]],
      [16, [packed(5, [0x3f80, 0xc000, 0])], 'bfloat16', [1, -2, 0]],
    ];
    for (const [type, data, dtype, values] of cases) {
      const [{ weights }] = readOnnx(model(gru(), tensor('W', [1, 3, 1], type, ...data), R));
      const read = weights.get('W');
      expect([read?.dtype, Array.from(read?.data ?? [], Number)]).toEqual([dtype, values]);
    }
  });

  it('reads attributes of every kind, unpacked and packed, and those whose value is left out', () => {
    const attribute = (name: string, type: number, ...value: Uint8Array[]) =>
      field(5, field(1, name), ...value, varint(20, type));
    const [{ config }] = readOnnx(
      model(
        gru(
          ['X', 'W', 'R'],
          attribute(
            'clip',
            1,
            new protobuf.Writer()
              .uint32((2 << 3) | 5)
              .float(3.5)
              .finish(),
          ),
          attribute('hidden_size', 2, varint(3, 1)),
          attribute('direction', 3, field(4, 'reverse')),
          attribute('activations', 8, field(9, 'Sigmoid'), field(9, 'Tanh')),
          attribute('activation_alpha', 6, field(7, floats([0.5, 2]))),
          attribute(
            'activation_beta',
            6,
            new protobuf.Writer()
              .uint32((7 << 3) | 5)
              .float(0.25)
              .finish(),
          ),
          attribute('ints', 7, packed(8, [1, -2])),
          attribute('linear_before_reset', 2),
          attribute('body', 5, field(6, 'a graph')),
        ),
        W,
        R,
      ),
    );
    expect(config).toEqual({
      clip: 3.5,
      hidden_size: 1,
      direction: 'reverse',
      activations: ['Sigmoid', 'Tanh'],
      activation_alpha: [0.5, 2],
      activation_beta: [0.25],
      ints: [1, -2],
      linear_before_reset: 0,
    });
  });

  it('takes weights from Constant nodes and names nodes apart', () => {
    const constant = field(
      1,
      field(2, 'k'),
      field(4, 'Constant'),
      field(5, field(1, 'value'), field(5, W.subarray(2)), varint(20, 4)),
    );
    const other = field(1, field(4, 'GRU'), field(7, 'com.example'));
    const file = model(
      constant,
      gru(['X', 'k', 'R', ''], field(3, 'a')),
      other,
      gru(),
      gru(['X', 'W', 'R'], field(3, 'b')),
      gru(['X', 'W', 'R'], field(3, 'b')),
      W,
      R,
    );
    const layers = readOnnx(file);
    expect(layers.map(({ name }) => name)).toEqual(['a', 'gru_1', 'b_2', 'b_3']);
    expect(layers.map(({ weights }) => [...weights.keys()])).toEqual(Array(4).fill(['W', 'R']));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /no RNN, GRU or LSTM node/],
    ['another file', goldenBytes('gru.npz'), /./],
    ['a graph without such nodes', model(field(1, field(4, 'MatMul')), W), /no RNN, GRU or LSTM node/],
    ['a field that runs past the end', Uint8Array.of(0x3a, 0x7f, 0x00), /cut off/],
    ['a length of 4 GB', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /cut off/],
    ['a varint that does not end', Uint8Array.of(0x08, ...Array(12).fill(0xff)), /cut off/],
    ['a field 0', Uint8Array.of(0x00, 0x01), /field has the number 0/],
    ['groups in groups', new Uint8Array(100_000).fill(0x0b), /not a protobuf message/],
    ['a weight that is an input of the graph', model(gru(), R), /W of the GRU node 'gru_0' is not stored/],
    ['no R', model(gru(['X', 'W']), W), /R of the GRU node 'gru_0' is not stored .*''/],
    [
      'data in another file',
      model(gru(), tensor('W', [1, 3, 1], 1, varint(14, 1)), R),
      /^.*W of the .* in another file/,
    ],
    [
      'external data without the flag',
      model(gru(), tensor('W', [1, 3, 1], 1, field(13, '')), R),
      /^.*W of the .* in another file/,
    ],
    [
      'integers as weights',
      model(gru(), tensor('W', [1, 3, 1], 7, packed(7, [1, 2, 3])), R),
      /W of the GRU node .* dtype int64; weights are FLOAT/,
    ],
    [
      'too little data',
      model(gru(), tensor('W', [1, 3, 2], 1, field(9, floats([1]))), R),
      /4 bytes of data, but .* takes 24/,
    ],
    ['too much data', model(gru(), tensor('W', [1], 1, field(4, floats([1, 2]))), R), /8 bytes of data/],
    ['10 GB of nothing', model(gru(), tensor('W', [2500000000], 1), R), /0 bytes of data, but .* takes 10000000000/],
    ['10 GB of nothing, in halves', model(gru(), tensor('W', [5000000000], 10), R), /at most 0 elements/],
    ['a negative extent', model(gru(), tensor('W', [-1], 1), R), /extent -1/],
    ['a shape that overflows', model(gru(), tensor('W', [2 ** 52, 2 ** 52], 1), R), /overflows/],
    ['33 dimensions', model(gru(), tensor('W', Array(33).fill(1), 1), R), /33 dimensions/],
    ['a half of 17 bits', model(gru(), tensor('W', [1], 10, packed(5, [0x10000])), R), /beyond its shape or 16 bits/],
    ['halves past the shape', model(gru(), tensor('W', [1], 10, packed(5, [1, 2])), R), /beyond its shape/],
    [
      'a list of halves that is cut off',
      model(gru(), tensor('W', [1], 10, field(5, Uint8Array.of(0xff))), R),
      /cut off/,
    ],
    ['a name that is not UTF-8', model(gru(['X', 'W', 'R'], field(3, Uint8Array.of(0xff))), W, R), /not UTF-8/],
    [
      'floats that are cut off',
      model(gru(['X', 'W', 'R'], field(5, field(7, Uint8Array.of(1, 2, 3)))), W, R),
      /floats is cut off/,
    ],
  ])('refuses %s', async (_what, file, message) => {
    const text = await refusal(() => readOnnx(file));
    expect(text).toMatch(/^invalid-file: /);
    expect(text).toMatch(message);
  });

  it('refuses what is over a limit', async () => {
    const limited = (file: Uint8Array, limits: object = {}) =>
      refusal(() => readOnnx(file, { ...DEFAULT_FILE_LIMITS, ...limits }));
    const file = goldenBytes('gru.onnx');
    expect(await limited(file, { maxFileBytes: 100 })).toMatch(/limit-exceeded/);
    expect(await limited(file, { maxUnpackedBytes: 100 })).toMatch(/limit-exceeded: .* unpacked bytes/);
    expect(await limited(model(gru(), gru(), W, R), { maxTensors: 1 })).toMatch(/limit-exceeded: .* 2 recurrent nodes/);
    // A hundred fields a tensor.
    const few = { maxTensors: 100 };
    const empties = (tag: number) => model(new Uint8Array(2 ** 16).map((_, i) => (i % 2 === 0 ? tag : 0)));
    for (const tag of [0x0a, 0x2a, 0x5a]) expect(await limited(empties(tag), few)).toMatch(/limit-exceeded: .* fields/);
    expect(await limited(model(tensor('W', Array(2 ** 14).fill(1), 1)), few)).toMatch(/limit-exceeded: .* fields/);
    expect(await limited(model(gru([], field(5, field(7, floats(Array(2 ** 14).fill(0)))))), few)).toMatch(
      /limit-exceeded: .* fields/,
    );
  });

  it('does not fail otherwise on any truncation', async () => {
    // A cut between two fields of a message that runs to the end of the file leaves a message.
    for (const { file } of GOLDENS)
      for (const cut of truncations(goldenBytes(file))) await outcomeOf(() => readOnnx(cut));
    const bytes = goldenBytes('lstm.onnx');
    expect(await outcomeOf(() => readOnnx(bytes.subarray(0, bytes.length / 2)))).toBe('refused');
  });

  it('never fails otherwise on damaged files', async () => {
    for (const { file } of GOLDENS) await fuzz(goldenBytes(file), 2000, (bytes) => readOnnx(bytes));
  });
});

describe('writeOnnx', () => {
  const gates: Record<string, number> = { RNN: 1, GRU: 3, LSTM: 4 };

  const layers: fc.Arbitrary<WholeLayer> = fc
    .record({
      className: fc.constantFrom('RNN', 'GRU', 'LSTM'),
      directions: fc.constantFrom(1, 2),
      hidden: fc.integer({ min: 1, max: 3 }),
      features: fc.integer({ min: 0, max: 3 }),
      dtype: fc.constantFrom<Dtype>('float32', 'float64', 'float16', 'bfloat16'),
      name: fc.string({ unit: 'grapheme', minLength: 1 }),
      optional: fc.boolean(),
      config: fc.record(
        {
          activations: fc.array(fc.constantFrom('Tanh', 'Elu'), { minLength: 1 }),
          activation_alpha: fc.array(fc.float({ noNaN: true }), { minLength: 1 }),
          clip: fc.float({ noNaN: true }),
          direction: fc.constantFrom('forward', 'reverse', 'bidirectional'),
          hidden_size: fc.nat(),
          layout: fc.constantFrom(0, 1),
          input_forget: fc.constantFrom(0, 1),
        },
        { requiredKeys: [] },
      ),
    })
    .chain(({ className, directions, hidden, features, dtype, name, optional, config }) => {
      const width = gates[className] * hidden;
      const shapes: [string, number[]][] = [
        ['W', [directions, width, features]],
        ['R', [directions, width, hidden]],
      ];
      if (optional) shapes.push(['B', [directions, 2 * width]]);
      if (optional && className === 'LSTM') shapes.push(['P', [directions, 3 * hidden]]);
      return fc.tuple(...shapes.map(([, shape]) => tensorOf([dtype], fc.constant(shape)))).map(
        (tensors): WholeLayer => ({
          name,
          framework: 'onnx',
          className,
          config,
          weights: new Map(tensors.map((tensor, i) => [shapes[i][0], tensor])),
        }),
      );
    });

  it('gives back name, attributes and every bit of the weights', () => {
    fc.assert(
      fc.property(layers, (layer) => {
        const file = writeOnnx(layer);
        const [read] = readOnnx(file);
        expect([read.name, read.className, read.config]).toEqual([layer.name, layer.className, layer.config]);
        expect(bitsOf(read.weights)).toEqual(bitsOf(layer.weights));
        expect(Buffer.compare(writeOnnx(layer), file)).toBe(0);
      }),
    );
  });

  it('leaves out attributes that are null', () => {
    const [layer] = readOnnx(goldenBytes('gru.onnx'));
    const written = writeOnnx({ ...layer, config: { ...layer.config, clip: null } });
    expect(readOnnx(written)[0].config).toEqual(layer.config);
  });

  it('refuses any other node', () => {
    const [layer] = readOnnx(goldenBytes('gru.onnx'));
    const write = (change: Partial<WholeLayer>) => () => writeOnnx({ ...layer, ...change });
    const withConfig = (config: JsonObject) => write({ config });
    expect(write({ className: 'MatMul' })).toThrow(RangeError);
    expect(write({ weights: new Map() })).toThrow(RangeError);
    expect(write({ weights: new Map([...layer.weights, ['B', new Tensor('int32', [1], Int32Array.of(1))]]) })).toThrow(
      /float dtype/,
    );
    expect(
      write({ weights: new Map([...layer.weights, ['R', new Tensor('float32', [1], Float32Array.of(1))]]) }),
    ).toThrow(/belong together/);
    expect(withConfig({ units: 3 })).toThrow(/no attribute 'units'/);
    expect(withConfig({ toString: 3 })).toThrow(/no attribute/);
    expect(withConfig({ hidden_size: '3' })).toThrow(/cannot be "3"/);
  });
});
