import fc from 'fast-check';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gradientsBody, sequenceBody, stepBody } from '../../../schemas/cell.ts';
import type { NestedNumbers } from '../../../schemas/nested-numbers.ts';
import { opBody } from '../../../schemas/op.ts';
import { openSessionBody, putStatesBody, sessionStepBody } from '../../../schemas/session.ts';
import { stepMessage, stepsBodies } from '../../../schemas/stream.ts';
import { tensorFieldsOf } from '../../../schemas/tensor-fields.ts';
import { assignBody, createVariableBody, scatterBody } from '../../../schemas/variable.ts';
import { createCellBodies, weightsBodies } from '../../../schemas/weight-file.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import { SentTensor } from '../../../src/domain/tensor-literal.ts';
import { Account, limitInFlight } from '../../../src/http/admission/in-flight.ts';
import { Intake } from '../../../src/http/admission/intake.ts';
import { addJsonBody } from '../../../src/http/bodies/json-body.ts';
import { liftInSlices, liftTensors } from '../../../src/http/bodies/lift-tensors.ts';
import { addValidation } from '../../../src/http/bodies/validation.ts';
import { addIdentities } from '../../../src/http/callers/auth.ts';
import { addChecks } from '../../../src/http/every-request.ts';
import { codecFor } from '../../../src/http/numbers/codec.ts';
import { addProblemReplies, PROBLEM_FORM } from '../../../src/http/replies/problem-replies.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { runs } from '../../support/runs.ts';

const BODIES = {
  step: stepBody,
  sequence: sequenceBody,
  gradients: gradientsBody,
  op: opBody,
  session: openSessionBody,
  sessionStep: sessionStepBody,
  states: putStatesBody,
  variable: createVariableBody,
  assign: assignBody,
  scatter: scatterBody,
  cell: createCellBodies,
  weights: weightsBodies,
} as const;

/** Typed arrays by their bits, so that -0 and the last digit count. */
function inBits(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  return value;
}

/** The fields that a body may have are named where the schema shows them, which `wrap` may hide. */
function withoutHints(problem: string): string {
  return problem.replaceAll(/ Send [a-z_, ]+\.(?=")/g, '');
}

/** Answers with what a body was read as. `wrap` may hide from the reader where the tensors are. */
async function echo(wrap: (body: z.ZodType) => z.ZodType): Promise<FastifyInstance> {
  const app = Fastify({ genReqId: () => 'req' });
  addProblemReplies(
    app,
    () => PROBLEM_FORM,
    () => undefined,
  );
  addChecks(app);
  addIdentities(app, { closed: false });
  limitInFlight(app, new Account(2 ** 28));
  app.decorate('intake', new Intake());
  addJsonBody(app, 2 ** 24);
  addValidation(app);
  for (const [name, body] of Object.entries(BODIES)) {
    app.post(`/${name}`, { schema: { body: wrap(body) } }, async (request, reply) =>
      reply.type('application/json').send(JSON.stringify(request.body, inBits)),
    );
  }
  await app.ready();
  return app;
}

const digits = fc
  .integer({ min: 0, max: 25 })
  .chain((length) =>
    fc.array(fc.constantFrom(...'0123456789'), { minLength: length, maxLength: length }).map((list) => list.join('')),
  );
const decimal = fc
  .record({
    sign: fc.constantFrom('', '', '-'),
    whole: fc.oneof(
      fc.constant('0'),
      digits.map((text) => text.replace(/^0+/, '') || '7'),
    ),
    fraction: fc.option(digits.filter((text) => text !== '')),
    exponent: fc.option(
      fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.integer({ min: 0, max: 400 })),
    ),
  })
  .map(({ sign, whole, fraction, exponent }) => {
    return `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : exponent.join('')}`;
  });
const number = fc.oneof(
  { weight: 3, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => `${value}`) },
  { weight: 3, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => `${value}`) },
  { weight: 3, arbitrary: fc.integer({ min: -9, max: 9 }).map((value) => `${value}`) },
  { weight: 1, arbitrary: decimal },
  {
    weight: 1,
    arbitrary: fc.constantFrom('-0', '0e5', '1e400', '-1e-400', '5e-324', '"NaN"', '"-Infinity"', 'true', '01'),
  },
);
const plainNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => `${value}`),
  fc.integer({ min: -9, max: 9 }).map((value) => `${value}`),
);
const blank = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r\n');

function arrayOf(item: fc.Arbitrary<string>, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.tuple(blank, item, blank), { minLength, maxLength })
    .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`);
}

function nested(shape: readonly number[], item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const [extent, ...rest] = shape;
  return extent === undefined ? item : arrayOf(nested(rest, item), extent, extent);
}

const shaped = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })
  .chain((shape) => nested(shape, plainNumber));
const flat = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
  .chain(([extent, count]) => nested([count], plainNumber).map((data) => `{"shape":[${extent}],"data":${data}}`));
const base64 = fc
  .record({
    dtype: fc.constantFrom('float32', 'float32', 'float64', 'bfloat16', 'int64', 'bool', 'int8'),
    extent: fc.integer({ min: 0, max: 3 }),
    bytes: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    odd: fc.constantFrom('', '', '', '=', '-', '\\/', '"', ' ', 'é'),
  })
  .map(({ dtype, extent, bytes, odd }) => {
    const text = Buffer.from(bytes).toString('base64');
    return `{"shape":[${extent}],"dtype":"${dtype}","base64": "${odd}${text.slice(odd.length)}"}`;
  });
const ragged: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, number, arrayOf(tie('node'), 0, 3)),
})).node;
const tensor: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: shaped },
  { weight: 2, arbitrary: flat },
  { weight: 2, arbitrary: base64 },
  { weight: 2, arbitrary: ragged },
  { weight: 1, arbitrary: fc.constantFrom('{"variable":"v"}', 'null', '[]', '[[]]', '"1"', '{"data":[1]}') },
);
const states = fc.oneof(tensor, arrayOf(tensor, 0, 3), arrayOf(arrayOf(tensor, 0, 2), 0, 2));

const FIELDS: Readonly<Record<keyof typeof BODIES, Readonly<Record<string, fc.Arbitrary<string>>>>> = {
  step: { inputs: tensor, states, trace: fc.constantFrom('true', '1') },
  sequence: { inputs: tensor, initial_state: states, mask: tensor, sequence_lengths: tensor },
  gradients: { inputs: tensor, cotangent: tensor, cotangents: arrayOf(tensor, 1, 3) },
  op: { inputs: arrayOf(tensor, 0, 3), params: fc.constant('{"axis":[1]}') },
  session: { cell: fc.constant('"c"'), initial_state: states, batch_size: fc.constantFrom('1', '[1]') },
  sessionStep: { inputs: tensor, mask: tensor },
  states: { states },
  variable: { value: tensor, shape: shaped, id: fc.constant('"Ω"') },
  assign: { value: tensor },
  scatter: { indices: shaped, updates: tensor },
  cell: {
    class_name: fc.constant('"GRUCell"'),
    config: shaped.map((units) => `{"units":${units}}`),
    input_shape: shaped,
    weights: fc.tuple(tensor, tensor).map(([a, b]) => `{"kernel":${a},"b\\u0069as":[1],"Ω":${b}}`),
  },
  weights: { weights: fc.tuple(tensor, tensor).map(([a, b]) => `{"kernel":${a}, "bias" : ${b}}`) },
};

/** A body, mostly as its schema has it: names may come twice, be escaped, or reach a prototype. */
const request = fc.constantFrom(...(Object.keys(BODIES) as (keyof typeof BODIES)[])).chain((name) => {
  const fields = FIELDS[name];
  const known = fc.constantFrom(...Object.keys(fields)).chain((key) => fields[key].map((value) => `"${key}":${value}`));
  const odd = fc.constantFrom('"extra":[1,2]', '"\\u0069nputs":[[1]]', '"__proto__":[1]', '"tensor_format":"flat"');
  const field = fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: odd });
  const whole = fc.tuple(
    ...Object.values(fields).map((value, i) => value.map((text) => `"${Object.keys(fields)[i]}":${text}`)),
  );
  const list = fc.oneof(whole, fc.array(field, { maxLength: 4 }));
  return fc
    .tuple(list, blank, blank)
    .map(([parts, before, after]) => ({ name, text: `${before}{${parts.join(`,${after}`)}${after}}${before}` }));
});

const mutation = fc.record({
  place: fc.nat(),
  drop: fc.integer({ min: 0, max: 2 }),
  insert: fc.constantFrom('', '[', ']', '{', '}', ',', ':', '"', '\\', '0', '-', '.', 'e', ' ', 'null', '\u0000', 'ÿ'),
});

function mutate(text: string, { place, drop, insert }: { place: number; drop: number; insert: string }): string {
  const at = place % (text.length + 1);
  return text.slice(0, at) + insert + text.slice(at + drop);
}

describe('reading tensors straight from the bytes of a body', () => {
  let lifting: FastifyInstance;
  let plain: FastifyInstance;
  beforeAll(async () => {
    lifting = await echo((body) => body);
    plain = await echo((body) => z.unknown().pipe(body));
  });
  afterAll(() => Promise.all([lifting.close(), plain.close()]));

  async function expectAlike(name: string, body: string | Buffer): Promise<number> {
    const sent = {
      method: 'POST',
      url: `/${name}`,
      payload: body,
      headers: { 'content-type': 'application/json' },
    } as const;
    const [own, old] = await Promise.all([lifting.inject(sent), plain.inject(sent)]);
    expect({ status: own.statusCode, body: withoutHints(own.payload) }, String(body)).toEqual({
      status: old.statusCode,
      body: withoutHints(old.payload),
    });
    return own.statusCode;
  }

  it('gives what JSON.parse gives, bit for bit, and the same problems', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(request, async ({ name, text }) => {
        if ((await expectAlike(name, text)) === 200) taken++;
      }),
      { numRuns: runs(3000) },
    );
    expect(taken).toBeGreaterThan(runs(300));
  });

  it('gives the same problems for text that is broken anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.array(mutation, { minLength: 1, maxLength: 2 }), async ({ name, text }, changes) => {
        await expectAlike(name, changes.reduce(mutate, text));
      }),
      { numRuns: runs(3000) },
    );
  });

  it('quotes a tensor in base64 as it was sent', async () => {
    const sent = '{"shape":[1],"dtype":"float64","base64":"AAAAAAAAAAA="}';
    expect(await expectAlike('op', `{"inputs":[${sent},{"variable":"v"},0]}`)).toBe(400);
    expect(await expectAlike('op', `{"inputs":[${sent},${sent},0],"params":{"axis":[1]}}`)).toBe(400);
  });

  it('gives the same in slices', () => {
    fc.assert(
      fc.property(request, fc.array(mutation, { maxLength: 1 }), ({ name, text }, changes) => {
        const bytes = Buffer.from(changes.reduce(mutate, text));
        const fields = tensorFieldsOf(BODIES[name]);
        const sliced = atOnce(liftInSlices(bytes, fields, JSON.parse, 100));
        expect(sliced).toEqual(liftTensors(bytes, fields, JSON.parse, 100));
      }),
      { numRuns: runs(1000) },
    );
  });

  it('gives the same problems for bytes that are not UTF-8', async () => {
    for (const bad of [[0xff], [0xc3], [0xed, 0xa0, 0x80]]) {
      const [before, after] = ['{"inputs":[[1,2]],"', '":1}'].map((text) => Buffer.from(text));
      expect(await expectAlike('step', Buffer.concat([before, Buffer.from(bad), after]))).toBe(400);
    }
  });

  it.each([
    ['step', { inputs: 'tensor', named_inputs: 'map', states: 'states' }],
    [
      'sequence',
      {
        inputs: 'tensor',
        named_inputs: 'map',
        initial_state: 'states',
        mask: 'tensor',
        sequence_lengths: 'tensor',
      },
    ],
    ['op', { inputs: 'list' }],
    ['session', { initial_state: 'states' }],
    ['scatter', { updates: 'tensor' }],
    ['cell', { weights: 'map' }],
    ['weights', { weights: 'map' }],
  ] as const)('knows from the schema where the tensors of a %s are', (name, fields) => {
    expect(Object.fromEntries(tensorFieldsOf(BODIES[name]))).toEqual(fields);
  });

  it('lifts what it can, so that the tests above see it', async () => {
    const read = codecFor(0).reader(Buffer.from('[[1, 2.5e0],\n[-0 ,0.1]]}'));
    expect(read(0)).toEqual({ shape: [2, 2], values: Float64Array.of(1, 2.5, -0, 0.1), end: 23 });
    const sent = Buffer.from('{"inputs":{"shape":[1,2],"dtype":"float32","base64":"AACAPwAAAEA="},"id":"a"}');
    const lifted = liftTensors(sent, tensorFieldsOf(stepMessage), JSON.parse);
    const tensor = new Tensor('float32', [1, 2], Float32Array.of(1, 2));
    expect(lifted).toEqual({ inputs: new SentTensor(tensor, 'base64'), id: 'a' });
  });
});

describe('a long body', () => {
  const ofStep = tensorFieldsOf(stepMessage);
  /** As many numbers as several parts of a text have, of all lengths that a number has. */
  const number = (k: number) => ['0', `-${k}.25`, `${k / 7}`, `${k}e-${k % 9}`, '   7'][k % 5];
  const list = (count: number, from = 0) => `[${Array.from({ length: count }, (_, k) => number(from + k))}]`;
  const rows = (count: number, width: number) =>
    `[${Array.from({ length: count }, (_, k) => list(width, k)).join(', ')}]`;

  function slicesOf(text: string, fields = ofStep, mostNames = 100): { lifted: unknown; slices: number } {
    const lifting = liftInSlices(Buffer.from(text), fields, JSON.parse, mostNames);
    for (let slices = 1; ; slices++) {
      const { done, value } = lifting.next();
      if (done) return { lifted: value, slices };
    }
  }

  it.each([
    ['one row', list(200_000)],
    ['many rows', rows(20_000, 10)],
    ['few rows', rows(3, 60_000)],
    ['single numbers', rows(100_000, 1)],
    ['brackets', `[[[[[[[${list(150_000)}]]]]]]]`],
  ])('is read in slices as a whole: %s', (_, inputs) => {
    const text = `{"session":"s","inputs":${inputs},"key":"k"}`;
    const { lifted, slices } = slicesOf(text);
    expect(slices).toBeGreaterThan(2);
    expect(lifted).toEqual(liftTensors(Buffer.from(text), ofStep, JSON.parse));
    expect((lifted as { inputs: NestedNumbers }).inputs.toJSON()).toEqual(JSON.parse(inputs));
  });

  it('may have many short arrays and several long ones', () => {
    const text = `{"inputs":[${rows(5_000, 3)},${list(60_000)},[1],${list(90_000)}]}`;
    const fields = tensorFieldsOf(opBody);
    const { lifted, slices } = slicesOf(text, fields);
    expect(slices).toBeGreaterThan(4);
    expect(lifted).toEqual(liftTensors(Buffer.from(text), fields, JSON.parse));
  });

  it('is read right while others are read, and numbers printed, between its slices', () => {
    const fields = tensorFieldsOf(opBody);
    const texts = [1, 2, 3].map(
      (n) => `{"inputs":[${rows(3_000, n)},${rows(400, 1)},${list(40_000, n)},${rows(2_000, 2)}]}`,
    );
    const liftings = texts.map((text) => liftInSlices(Buffer.from(text), fields, JSON.parse, 100));
    const lifted = new Map<number, unknown>();
    while (lifted.size < texts.length) {
      for (const [k, lifting] of liftings.entries()) {
        const { done, value } = lifting.next();
        if (done && !lifted.has(k)) lifted.set(k, value);
        codecFor(0).print(Float32Array.of(1, 2, 3), [3]);
      }
    }
    expect([...lifted].sort(([a], [b]) => a - b).map(([, value]) => value)).toEqual(
      texts.map((text) => liftTensors(Buffer.from(text), fields, JSON.parse)),
    );
  });

  it.each([
    ['a list of tensors', opBody, `{"inputs":[${Array(8_000).fill('[1],"NaN"')}]}`],
    ['tensors by name', createCellBodies, `{"weights":{${Array.from({ length: 5_000 }, (_, k) => `"k${k}":[${k}]`)}}}`],
    [
      'a list of steps',
      stepsBodies,
      `{"steps":[${Array(3_000).fill('{"session":"s","inputs":[[1,2]],"key":"k"},{}')}]}`,
    ],
  ])('is read in slices where it has many short values: %s', (_, schema, text) => {
    const fields = tensorFieldsOf(schema);
    const { lifted, slices } = slicesOf(text, fields, 20_000);
    expect(slices).toBeGreaterThan(text.length / 2 ** 13);
    expect(lifted).toEqual(liftTensors(Buffer.from(text), fields, JSON.parse));
  });

  it.each([
    ['another row in its middle', `[${rows(20_000, 10).slice(1, -1)},[1],${rows(20_000, 10).slice(1)}`],
    ['a word behind many numbers', `[${list(200_000).slice(1, -1)},null]`],
    ['no end', list(200_000).slice(0, -1)],
    ['more numbers than there may be', list(600_000)],
    ['a number that is longer than what is read at once', `[${list(60_000).slice(1, -1)},0.${'1'.repeat(200_000)}]`],
  ])('is left to the plain way with %s', (_, inputs) => {
    expect(slicesOf(`{"inputs":${inputs}}`).lifted).toBeUndefined();
  });
});

describe('a number', () => {
  /** Before a comma as at the end. */
  const read = (text: string) => {
    const values = codecFor(text.length).reader(Buffer.from(`[${text},${text}]`))(0)?.values;
    expect(values?.[0], text).toBe(values?.[1]);
    return values?.[0];
  };

  it('is read as JSON.parse reads it', () => {
    const json = fc.oneof(decimal, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String));
    fc.assert(
      fc.property(json, (text) => {
        const value = read(text);
        if (value !== undefined) expect(value, text).toBe(JSON.parse(text));
      }),
      { numRuns: runs(20_000) },
    );
  });

  it('is read as JSON.parse reads it, halfway between two neighbours and next to that', () => {
    const view = new DataView(new ArrayBuffer(8));
    fc.assert(
      fc.property(fc.bigInt({ min: 1n << 52n, max: (1n << 53n) - 1n }), fc.integer({ min: -60, max: 60 }), (m, e) => {
        const middle = 2n * m + 1n;
        const exact = e > 0 ? `${middle << BigInt(e - 1)}` : decimalOf(middle, 1 - e);
        for (const length of [17, 18, 19]) {
          const [whole, fraction = ''] = exact.split('.');
          const cut = `${whole}.${`${fraction}0`.slice(0, Math.max(1, length - whole.length))}`;
          const value = read(cut);
          if (value === undefined) continue;
          view.setFloat64(0, value);
          const own = view.getBigUint64(0);
          view.setFloat64(0, JSON.parse(cut));
          expect(own, cut).toBe(view.getBigUint64(0));
        }
      }),
      { numRuns: runs(5000) },
    );
  });

  it.each([
    '9007199254740993',
    '9007199254740993.0',
    '18014398509481986',
    '9.007199254740993e15',
    '0.5000000000000000277',
  ])('of %s is a tie or close to one, and read right', (text) => {
    expect(read(text) ?? JSON.parse(text)).toBe(JSON.parse(text));
  });

  it.each(['0', '-0', '0.0', '-0.0', '0.0000000000000000', '-0.00000000000000000', '0.000000000000000000e9'])(
    'of %s is zero with its sign',
    (text) => {
      expect(read(text)).toBe(JSON.parse(text));
    },
  );

  it('is taken with up to 17 digits in any usual exponent, without the plain way', () => {
    const usual = fc.double({ noNaN: true, min: 1e-290, max: 1e290 });
    let missed = 0;
    fc.assert(
      fc.property(usual, (value) => {
        if (read(`${value}`) === undefined) missed++;
      }),
      { numRuns: runs(10_000) },
    );
    expect(missed).toBeLessThan(10);
  });

  it.each([
    '',
    '-',
    '+1',
    '.5',
    '1.',
    '1.e5',
    '01',
    '-01',
    '1e',
    '1e+',
    '0x1',
    'NaN',
    '1 2',
    '1,',
    ',1',
    '1e400',
    '1]',
  ])('is none in %j, or left to the plain way', (text) => {
    const array = codecFor(0).reader(Buffer.from(`[${text}]`))(0);
    expect(array?.end === text.length + 2).toBe(false);
  });
});

/** m / 2^k, exactly. */
function decimalOf(m: bigint, k: number): string {
  const digits = `${m * 5n ** BigInt(k)}`.padStart(k + 1, '0');
  return `${digits.slice(0, -k)}.${digits.slice(-k)}`;
}
