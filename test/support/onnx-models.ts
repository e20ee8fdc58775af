import { ATTRIBUTE, DATA_TYPE, ENTRY, GRAPH, MODEL, NODE, TENSOR } from '../../src/files/onnx/wire.ts';
import {
  bytes,
  type Dimension,
  encoded,
  float,
  integer,
  message,
  nested,
  text,
  valueInfo,
  type Write,
} from '../../src/files/onnx/write-messages.ts';

const OPSET = { domain: 1, version: 2 } as const;
const TYPE = { float: 1, int: 2, tensor: 4, graph: 5, ints: 7, string: 3 } as const;

/** An ONNX model of these parts, opset 17. */
export function model(graph: Write, domains: readonly string[] = []): Uint8Array {
  const opset = (domain: string, version: number) =>
    nested(MODEL.opsetImport, message([text(OPSET.domain, domain), integer(OPSET.version, version)]));
  const parts = [integer(MODEL.irVersion, 8), nested(MODEL.graph, graph), opset('', 17)];
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
    ...nodes.map((one) => nested(GRAPH.node, one)),
    text(GRAPH.name, 'graph'),
    ...initializers.map((one) => nested(GRAPH.initializer, one)),
    ...inputs.map((one) => nested(GRAPH.input, one)),
    ...outputs.map((one) => nested(GRAPH.output, one)),
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
    ...Object.entries(attributes).map(([key, value]) => nested(NODE.attribute, attribute(key, value))),
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
  if ('graph' in value) return typed('graph', nested(ATTRIBUTE.g, value.graph));
  if ('tensor' in value) return typed('tensor', nested(ATTRIBUTE.t, value.tensor));
  return typed('ints', ...value.map((item) => integer(ATTRIBUTE.ints, item)));
}

/** A tensor of numbers in the file. */
function tensor(name: string, shape: readonly number[], values: readonly number[]): Write {
  return tensorOf(name, shape, DATA_TYPE.float, new Uint8Array(Float32Array.from(values).buffer));
}

function integers(name: string, shape: readonly number[], values: readonly number[]): Write {
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
    nested(TENSOR.externalData, entry),
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
