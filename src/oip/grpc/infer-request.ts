import protobuf from 'protobufjs';
import { copySlices, JoinedBytes } from '../../domain/bytes.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { rawContents } from './contents.ts';
import { type Field, fieldsOf, int64Of, textOf } from './fields.ts';

/** The most fields of one request, including the fields of its tensors and parameters but not the elements of contents. */
const MOST_FIELDS = 20_000;
/** The most bytes of all texts of one request: names, ids and parameters. They are printed as JSON at once. */
const MOST_TEXT = 2 ** 18;
/** Fields that are read in one slice. */
const SLICE_FIELDS = 256;

/** An infer request as an HTTP body. */
export interface InferCall {
  readonly model: string;
  readonly version: string;
  /** JSON of `headerLength` bytes, then the tensors. */
  readonly body: Buffer;
  readonly headerLength: number;
  /** The sequence that it is part of, if any. Requests of one sequence keep their order. */
  readonly sequence?: string;
}

type Parameter = boolean | bigint | number | string;

/**
 * Translates a ModelInferRequest to the same request over HTTP, so that the protocol is implemented once. `maxBytes` bounds
 * typed contents once they are raw. In slices.
 * @throws {Problem} bad-request if the bytes are not such a message; invalid-request, body-too-large
 */
export function* readInferRequest(message: Buffer, maxBytes: number): Generator<void, InferCall> {
  try {
    return yield* new InferRequestReader(maxBytes).read(message);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('bad-request', `The message is not a ModelInferRequest: ${(error as Error).message}.`);
  }
}

/** One use: a request. */
class InferRequestReader {
  private readonly maxBytes: number;
  private fields = 0;
  private texts = 0;
  /** At so many fields the next slice begins. */
  private sliced = SLICE_FIELDS;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  *read(message: Buffer): Generator<void, InferCall> {
    const names = { model: '', version: '', id: '' };
    const parameters = new Map<string, Parameter>();
    const inputs: SentInput[] = [];
    const outputs: object[] = [];
    const raw: Buffer[] = [];
    for (const field of this.walk(message)) {
      if (field.number === 1) names.model = this.text(field);
      else if (field.number === 2) names.version = this.text(field);
      else if (field.number === 3) names.id = this.text(field);
      else if (field.number === 4) parameters.set(...this.entry(field));
      else if (field.number === 5) inputs.push(yield* this.input(field));
      else if (field.number === 6) outputs.push(this.output(field));
      else if (field.number === 7) raw.push(field.bytes);
      if (this.isSliceOver()) yield;
    }
    const binary = yield* this.binaryOf(inputs, raw);
    const header = Buffer.from(
      JSON.stringify({
        ...(names.id === '' ? {} : { id: names.id }),
        parameters: { ...fieldsOfJson(parameters), binary_data_output: true },
        inputs: inputs.map(({ contents: _, parameters: own, shape, ...input }, i) => ({
          ...input,
          shape: shape.map(exact),
          parameters: { ...fieldsOfJson(own), binary_data_size: binary[i].length },
        })),
        ...(outputs.length > 0 ? { outputs } : {}),
      }),
    );
    const sequence = parameters.get('sequence_id');
    const body = new JoinedBytes([header, ...binary]);
    return {
      model: names.model,
      version: names.version,
      body: yield* copySlices(body, Buffer.allocUnsafe(body.length)),
      headerLength: header.length,
      ...(sequence ? { sequence: `${names.model} ${typeof sequence} ${sequence}` } : {}),
    };
  }

  /** The raw bytes of each input. */
  private *binaryOf(inputs: readonly SentInput[], raw: readonly Buffer[]): Generator<void, readonly Buffer[]> {
    if (raw.length === 0) {
      const all: Buffer[] = [];
      let left = this.maxBytes;
      for (const [i, { name, datatype, contents }] of inputs.entries()) {
        const bytes = yield* rawContents({ name, datatype, pointer: `/inputs/${i}/contents` }, contents, left);
        left -= bytes.length;
        all.push(bytes);
      }
      return all;
    }
    if (raw.length !== inputs.length) {
      const detail = `There are ${raw.length} raw_input_contents for ${inputs.length} inputs. Send one for each, in their order.`;
      throw fieldProblem('invalid-request', '/raw_input_contents', detail);
    }
    const both = inputs.find(({ contents }) => contents.length > 0);
    if (!both) return raw;
    const detail = `Input '${both.name}' has contents, and raw_input_contents are there too. Send one of them.`;
    throw fieldProblem('invalid-request', '/inputs', detail);
  }

  private *input(field: Field): Generator<void, SentInput> {
    const input = { name: '', datatype: '', contents: Buffer.alloc(0) as Buffer };
    const shape: bigint[] = [];
    const parameters = new Map<string, Parameter>();
    for (const part of this.walk(field.bytes)) {
      if (part.number === 1) input.name = this.text(part);
      else if (part.number === 2) input.datatype = this.text(part);
      else if (part.number === 3) yield* this.extents(part, shape);
      else if (part.number === 4) parameters.set(...this.entry(part));
      else if (part.number === 5) input.contents = part.bytes;
      if (this.isSliceOver()) yield;
    }
    return { ...input, shape, parameters };
  }

  /** One extent, or a list of them. */
  private *extents({ bytes }: Field, into: bigint[]): Generator<void> {
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      this.count();
      const start = reader.pos;
      reader.skipType(0);
      into.push(int64Of({ number: 3, bytes: bytes.subarray(start, reader.pos) }));
      if (this.isSliceOver()) yield;
    }
  }

  private output(field: Field): object {
    let name = '';
    const parameters = new Map<string, Parameter>();
    for (const part of this.walk(field.bytes)) {
      if (part.number === 1) name = this.text(part);
      else if (part.number === 2) parameters.set(...this.entry(part));
    }
    return { name, parameters: fieldsOfJson(parameters) };
  }

  /** An entry of a map of parameters. */
  private entry(field: Field): [string, Parameter] {
    let name = '';
    let value: Parameter = '';
    for (const part of this.walk(field.bytes)) {
      if (part.number === 1) name = this.text(part);
      else if (part.number === 2) for (const choice of this.walk(part.bytes)) value = this.parameter(choice);
    }
    // Clients put a uint64 into the int64 of the message.
    return [name, name === 'sequence_id' && typeof value === 'bigint' ? BigInt.asUintN(64, value) : value];
  }

  /** InferParameter. */
  private parameter(choice: Field): Parameter {
    const reader = protobuf.Reader.create(choice.bytes);
    if (choice.number === 1) return reader.bool();
    if (choice.number === 2) return int64Of(choice);
    if (choice.number === 3) return this.text(choice);
    if (choice.number === 4) return reader.double();
    if (choice.number === 5) return BigInt.asUintN(64, int64Of(choice));
    throw new RangeError(`a parameter has the unknown field ${choice.number}`);
  }

  private *walk(message: Buffer): Generator<Field> {
    for (const field of fieldsOf(message)) {
      this.count();
      yield field;
    }
  }

  /** @throws {Problem} limit-exceeded */
  private text(field: Field): string {
    this.texts += field.bytes.length;
    if (this.texts <= MOST_TEXT) return textOf(field);
    throw new Problem('limit-exceeded', `The names and parameters of the request have more than ${MOST_TEXT} bytes.`);
  }

  private isSliceOver(): boolean {
    if (this.fields < this.sliced) return false;
    this.sliced = this.fields + SLICE_FIELDS;
    return true;
  }

  private count(): void {
    this.fields += 1;
    if (this.fields <= MOST_FIELDS) return;
    const detail = `The request has more than ${MOST_FIELDS} fields. Send fewer tensors and parameters in one request.`;
    throw new Problem('limit-exceeded', detail);
  }
}

interface SentInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly bigint[];
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** InferTensorContents; empty if the input has raw contents. */
  readonly contents: Buffer;
}

function fieldsOfJson(parameters: ReadonlyMap<string, Parameter>): object {
  return Object.fromEntries(Array.from(parameters, ([name, value]) => [name, exact(value)]));
}

/** A bigint as what JSON writes as a whole number. */
function exact(value: Parameter): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : JSON.rawJSON(`${value}`);
}

declare global {
  interface JSON {
    rawJSON(text: string): object;
  }
}
