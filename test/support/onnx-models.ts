import { ATTRIBUTE, DATA_TYPE, ENTRY, GRAPH, MODEL, NODE, TENSOR } from '../../src/files/onnx/wire.ts';
import {
  bytes,
  type Dimension,
  encoded,
  float,
  integer,
  message,
  nested as nestedField,
  text,
  valueInfo,
  type Write,
} from '../../src/files/onnx/write-messages.ts';

const OPSET = { domain: 1, version: 2 } as const;
const TYPE = { float: 1, int: 2, tensor: 4, graph: 5, ints: 7, string: 3 } as const;

/** An ONNX model of these parts, opset 17. */
export function model(graph: Write, domains: readonly string[] = []): Uint8Array {
  const opset = (domain: string, version: number) =>
    nestedField(MODEL.opsetImport, message([text(OPSET.domain, domain), integer(OPSET.version, version)]));
  const parts = [integer(MODEL.irVersion, 8), nestedField(MODEL.graph, graph), opset('', 17)];
  return encoded(message([...parts, ...domains.map((domain) => opset(domain, 1))]));
}

export interface GraphParts {
  readonly nodes: readonly Write[];
  readonly inputs?: readonly Write[];
  readonly outputs?: readonly Write[];
  readonly initializers?: readonly Write[];
}

export function graph({ nodes, inputs = [], outputs = [], initializers = [] }: GraphParts): Write {
  return message([
    ...nodes.map((one) => nestedField(GRAPH.node, one)),
    text(GRAPH.name, 'graph'),
    ...initializers.map((one) => nestedField(GRAPH.initializer, one)),
    ...inputs.map((one) => nestedField(GRAPH.input, one)),
    ...outputs.map((one) => nestedField(GRAPH.output, one)),
  ]);
}

export function edge(name: string, shape: readonly Dimension[], type: keyof typeof DATA_TYPE = 'float'): Write {
  return valueInfo(name, DATA_TYPE[type], shape);
}

export type Attribute = number | string | readonly number[] | { readonly graph: Write } | { readonly tensor: Write };

export interface NodeParts {
  readonly op: string;
  readonly in?: readonly string[];
  readonly out: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export function node({ op, in: inputs = [], out, name = '', domain = '', attributes = {} }: NodeParts): Write {
  return message([
    ...inputs.map((one) => text(NODE.input, one)),
    ...out.map((one) => text(NODE.output, one)),
    text(NODE.name, name),
    text(NODE.opType, op),
    text(NODE.domain, domain),
    ...Object.entries(attributes).map(([key, value]) => nestedField(NODE.attribute, attribute(key, value))),
  ]);
}

function attribute(name: string, value: Attribute): Write {
  const typed = (type: keyof typeof TYPE, ...parts: Write[]) =>
    message([text(ATTRIBUTE.name, name), ...parts, integer(ATTRIBUTE.type, TYPE[type])]);
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? typed('int', integer(ATTRIBUTE.i, value))
      : typed('float', float(ATTRIBUTE.f, value));
  }
  if (typeof value === 'string') return typed('string', text(ATTRIBUTE.s, value));
  if ('graph' in value) return typed('graph', nestedField(ATTRIBUTE.g, value.graph));
  if ('tensor' in value) return typed('tensor', nestedField(ATTRIBUTE.t, value.tensor));
  return typed('ints', ...value.map((item) => integer(ATTRIBUTE.ints, item)));
}

/** A tensor of numbers in the file. */
function tensor(name: string, shape: readonly number[], values: readonly number[]): Write {
  return tensorOf(name, shape, DATA_TYPE.float, new Uint8Array(Float32Array.from(values).buffer));
}

export function integers(name: string, shape: readonly number[], values: readonly number[]): Write {
  return tensorOf(name, shape, DATA_TYPE.int64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
}

function tensorOf(name: string, shape: readonly number[], dataType: number, raw: Uint8Array): Write {
  return message([...head(name, shape, dataType), bytes(TENSOR.rawData, raw)]);
}

/** A tensor whose data is said to be in another file. */
export function externalTensor(name: string, shape: readonly number[], location: string): Write {
  const entry = message([text(ENTRY.key, 'location'), text(ENTRY.value, location)]);
  return message([
    ...head(name, shape, DATA_TYPE.float),
    nestedField(TENSOR.externalData, entry),
    integer(TENSOR.dataLocation, 1),
  ]);
}

function head(name: string, shape: readonly number[], dataType: number): Write[] {
  return [
    ...shape.map((extent) => integer(TENSOR.dims, extent)),
    integer(TENSOR.dataType, dataType),
    text(TENSOR.name, name),
  ];
}

/** s' = s + x, y = s'·gain, n' = n + 1: two states, of which `count` is int64, and an int64 input. */
export function accumulator(): Uint8Array {
  return model(
    graph({
      inputs: [
        edge('x', ['batch', 2]),
        edge('gain', [], 'int64'),
        edge('state', ['batch', 2]),
        edge('count_in', ['batch', 1], 'int64'),
      ],
      initializers: [integers('one', [1], [1])],
      nodes: [
        node({ op: 'Add', in: ['x', 'state'], out: ['stateN'] }),
        node({ op: 'Cast', in: ['gain'], out: ['factor'], attributes: { to: 1 } }),
        node({ op: 'Mul', in: ['stateN', 'factor'], out: ['y'] }),
        node({ op: 'Neg', in: ['y'], out: ['minus'] }),
        node({ op: 'Add', in: ['count_in', 'one'], out: ['count_out'] }),
      ],
      outputs: [
        edge('y', ['batch', 2]),
        edge('minus', ['batch', 2]),
        edge('stateN', ['batch', 2]),
        edge('count_out', ['batch', 1], 'int64'),
      ],
    }),
  );
}

/** s' = s + table[token]: a model that takes a token of each row. */
export function tokens(): Uint8Array {
  return model(
    graph({
      inputs: [edge('token', ['batch'], 'int64'), edge('h', ['batch', 2])],
      initializers: [tensor('table', [3, 2], [1, 10, 2, 20, 3, 30])],
      nodes: [
        node({ op: 'Gather', in: ['table', 'token'], out: ['embedded'] }),
        node({ op: 'Add', in: ['embedded', 'h'], out: ['hn'] }),
        node({ op: 'ReduceSum', in: ['hn'], out: ['sum'] }),
      ],
      outputs: [edge('sum', [1, 1]), edge('hn', ['batch', 2])],
    }),
  );
}

const HIDDEN = 3;
const FEATURES = 2;

function recurrentWeights(gates: number, seed: number): Write[] {
  const values = (count: number, salt: number) =>
    Array.from({ length: count }, (_, i) => Math.sin(seed * 7.3 + salt * 3.1 + i * 1.7) / 2);
  return [
    tensor(`W${seed}`, [1, gates * HIDDEN, FEATURES], values(gates * HIDDEN * FEATURES, 1)),
    tensor(`R${seed}`, [1, gates * HIDDEN, HIDDEN], values(gates * HIDDEN * HIDDEN, 2)),
  ];
}

/** X [time, batch, 2] through an LSTM whose states nobody sees: Y [time, 1, batch, 3]. */
export function hiddenLstm(): Uint8Array {
  return model(
    graph({
      inputs: [edge('X', ['time', 'batch', FEATURES])],
      initializers: recurrentWeights(4, 1),
      nodes: [
        node({ op: 'LSTM', name: 'lstm', in: ['X', 'W1', 'R1'], out: ['Y'], attributes: { hidden_size: HIDDEN } }),
      ],
      outputs: [edge('Y', ['time', 1, 'batch', HIDDEN])],
    }),
  );
}

/** The same with a GRU in each branch of an If, which `high` chooses; the states of both are inside. */
export function hiddenInIf(): Uint8Array {
  const branch = (seed: number, name: string) =>
    graph({
      nodes: [
        node({
          op: 'GRU',
          name,
          in: ['X', `W${seed}`, `R${seed}`],
          out: [`Y_${name}`],
          attributes: { hidden_size: HIDDEN },
        }),
      ],
      outputs: [edge(`Y_${name}`, ['time', 1, 'batch', HIDDEN])],
    });
  return model(
    graph({
      inputs: [edge('X', ['time', 'batch', FEATURES]), edge('high', [], 'bool')],
      initializers: [...recurrentWeights(3, 1), ...recurrentWeights(3, 2)],
      nodes: [
        node({
          op: 'If',
          in: ['high'],
          out: ['Y'],
          attributes: { then_branch: { graph: branch(1, 'high_gru') }, else_branch: { graph: branch(2, 'low_gru') } },
        }),
      ],
      outputs: [edge('Y', ['time', 1, 'batch', HIDDEN])],
    }),
  );
}

const PASS = [edge('s', [1, 2])];
const passOn = node({ op: 'Identity', in: ['s'], out: ['sN'] });

/** The body of a loop over tanh. */
function roundOfTanh() {
  return graph({
    inputs: [edge('round', [], 'int64'), edge('go_in', [], 'bool'), edge('x_in', [1, 2])],
    nodes: [node({ op: 'Identity', in: ['go_in'], out: ['go'] }), node({ op: 'Tanh', in: ['x_in'], out: ['x_out'] })],
    outputs: [edge('go', [], 'bool'), edge('x_out', [1, 2])],
  });
}

/** Runs tanh over x, `rounds` times one after another: for ever, if that is many. */
export function endless(): Uint8Array {
  return model(
    graph({
      inputs: [edge('x', [1, 2]), edge('rounds', [], 'int64'), ...PASS],
      nodes: [
        node({ op: 'Loop', in: ['rounds', '', 'x'], out: ['y'], attributes: { body: { graph: roundOfTanh() } } }),
        passOn,
      ],
      outputs: [edge('y', [1, 2]), edge('sN', [1, 2])],
    }),
  );
}

/** Makes a tensor of `size` numbers at once; `whole` gives it away, otherwise its largest number. */
export function greedy(whole: boolean): Uint8Array {
  const last = whole
    ? node({ op: 'Neg', in: ['big'], out: ['y'] })
    : node({ op: 'ReduceMax', in: ['big'], out: ['y'] });
  return model(
    graph({
      inputs: [edge('size', [1], 'int64'), ...PASS],
      nodes: [node({ op: 'ConstantOfShape', in: ['size'], out: ['big'] }), last, passOn],
      outputs: [edge('y', [whole ? 'many' : 1]), edge('sN', [1, 2])],
    }),
  );
}

/** Doubles a tensor `rounds` times. */
export function growing(): Uint8Array {
  const body = graph({
    inputs: [edge('round', [], 'int64'), edge('go_in', [], 'bool'), edge('x_in', ['many'])],
    nodes: [
      node({ op: 'Identity', in: ['go_in'], out: ['go'] }),
      node({ op: 'Concat', in: ['x_in', 'x_in'], out: ['x_out'], attributes: { axis: 0 } }),
    ],
    outputs: [edge('go', [], 'bool'), edge('x_out', ['many'])],
  });
  return model(
    graph({
      inputs: [edge('x', [1024]), edge('rounds', [], 'int64'), ...PASS],
      nodes: [
        node({ op: 'Loop', in: ['rounds', '', 'x'], out: ['big'], attributes: { body: { graph: body } } }),
        node({ op: 'ReduceMax', in: ['big'], out: ['y'] }),
        passOn,
      ],
      outputs: [edge('y', [1]), edge('sN', [1, 2])],
    }),
  );
}

/** Ifs within each other, `depth` of them. */
export function nested(depth: number): Uint8Array {
  const within = (level: number): Write =>
    graph({
      nodes: [
        level === depth
          ? node({ op: 'Neg', in: ['x'], out: [`y${level}`] })
          : node({
              op: 'If',
              in: ['high'],
              out: [`y${level}`],
              attributes: { then_branch: { graph: within(level + 1) }, else_branch: { graph: leaf(level) } },
            }),
        ...(level === 0 ? [passOn] : []),
      ],
      inputs: level === 0 ? [edge('x', [1, 2]), edge('high', [], 'bool'), ...PASS] : [],
      outputs: [edge(`y${level}`, [1, 2]), ...(level === 0 ? [edge('sN', [1, 2])] : [])],
    });
  const leaf = (level: number) =>
    graph({ nodes: [node({ op: 'Identity', in: ['x'], out: [`z${level}`] })], outputs: [edge(`z${level}`, [1, 2])] });
  return model(within(0));
}

/** s' = tanh(s + x + table[max(x)]): fails where the largest number of x is no place in a table of three. */
export function picky(): Uint8Array {
  return model(
    graph({
      inputs: [edge('x', [1, 2]), edge('s', [1, 2])],
      initializers: [tensor('table', [3], [0.1, 0.2, 0.3])],
      nodes: [
        node({ op: 'ReduceMax', in: ['x'], out: ['largest'], attributes: { keepdims: 0 } }),
        node({ op: 'Cast', in: ['largest'], out: ['place'], attributes: { to: 7 } }),
        node({ op: 'Gather', in: ['table', 'place'], out: ['picked'] }),
        node({ op: 'Add', in: ['x', 's'], out: ['sum'] }),
        node({ op: 'Add', in: ['sum', 'picked'], out: ['all'] }),
        node({ op: 'Tanh', in: ['all'], out: ['sN'] }),
        node({ op: 'Neg', in: ['sN'], out: ['y'] }),
      ],
      outputs: [edge('y', [1, 2]), edge('sN', [1, 2])],
    }),
  );
}

/** s' = s + x, after as many rounds of tanh as the largest number of x. */
export function patient(): Uint8Array {
  return model(
    graph({
      inputs: [edge('x', [1, 2]), edge('s', [1, 2])],
      nodes: [
        node({ op: 'ReduceMax', in: ['x'], out: ['largest'], attributes: { keepdims: 0 } }),
        node({ op: 'Cast', in: ['largest'], out: ['rounds'], attributes: { to: 7 } }),
        node({ op: 'Loop', in: ['rounds', '', 'x'], out: ['y'], attributes: { body: { graph: roundOfTanh() } } }),
        node({ op: 'Add', in: ['x', 's'], out: ['sN'] }),
      ],
      outputs: [edge('y', [1, 2]), edge('sN', [1, 2])],
    }),
  );
}
