import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DTYPES, Tensor, type TensorData } from '../../src/domain/tensor.ts';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { decodeElements } from '../../src/files/elements.ts';
import { TYPES } from '../../src/files/safetensors/header.ts';
import { readSafetensors, safetensorsSlices, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { bitsOf, tensorsOf } from './arbitrary-tensors.ts';
import { EXPECTED, expectTensor, goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, refusal, truncations } from './hostile.ts';

const GOLDENS = EXPECTED.filter(({ format }) => format === 'safetensors');

/** A file with this header, as it stands, before `data`; the length field says `claim` or the truth. */
function fileWith(header: string | Uint8Array, data: Uint8Array = new Uint8Array(0), claim?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, claim ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

function entry(dtype: string, shape: string, offsets: string): string {
  return `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
}

const ONE = entry('F32', '[1]', '[0,4]');

describe('readSafetensors', () => {
  it.each(GOLDENS)('reads every tensor of $file', ({ file, tensors = {} }) => {
    const read = readSafetensors(goldenBytes(file)).tensors;
    expect([...read.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, expected] of Object.entries(tensors)) {
      expectTensor(read.get(name), expected);
      expect(read.get(name)?.dtype).toBe(expected.disk_dtype);
    }
  });

  it('finds the goldens', () => expect(GOLDENS.length).toBe(4));

  it('reads data of any alignment, out of order and inside a larger buffer', () => {
    const header = `{"b":${entry('F64', '[1]', '[1,9]')},"a":${entry('BOOL', '[1]', '[0,1]')}} `;
    const data = new Uint8Array(9);
    data[0] = 1;
    new DataView(data.buffer).setFloat64(1, -2.5, true);
    const file = fileWith(header, data);
    for (const shift of [0, 1, 3, 7]) {
      const inside = new Uint8Array(file.length + shift);
      inside.set(file, shift);
      const { tensors } = readSafetensors(inside.subarray(shift));
      expect([...tensors.keys()]).toEqual(['b', 'a']);
      expect(tensors.get('b')?.data).toEqual(Float64Array.of(-2.5));
      expect(tensors.get('a')?.data).toEqual(Uint8Array.of(1));
    }
  });

  it('widens the integers it has no dtype for', () => {
    const fields = [
      ['I8', 1, 'int32', -1],
      ['U8', 1, 'int32', 255],
      ['I16', 2, 'int32', -1],
      ['U16', 2, 'int32', 65535],
      ['U32', 4, 'int64', 4294967295n],
    ] as const;
    for (const [type, width, dtype, value] of fields) {
      const file = fileWith(`{"x":${entry(type, '[1]', `[0,${width}]`)}}`, new Uint8Array(width).fill(255));
      const x = readSafetensors(file).tensors.get('x');
      expect([x?.dtype, x?.data[0]]).toEqual([dtype, value]);
    }
  });

  it('reads an empty file, scalars and tensors of no elements', () => {
    expect(readSafetensors(fileWith('{}')).tensors.size).toBe(0);
    const header = `{"s":${entry('F32', '[]', '[0,4]')},"e":${entry('F32', '[0,3]', '[4,4]')},"f":${entry('I64', '[0]', '[0,0]')}}`;
    const { tensors } = readSafetensors(fileWith(header, new Uint8Array(4)));
    expect([...tensors.values()].map(({ shape }) => shape)).toEqual([[], [0, 3], [0]]);
  });

  it('does not share memory with the file', () => {
    const file = writeSafetensors(new Map([['x', new Tensor('float32', [1], Float32Array.of(5))]]));
    const { tensors } = readSafetensors(file);
    file.fill(0xff);
    expect(tensors.get('x')?.data[0]).toBe(5);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /has 0 bytes/],
    ['seven bytes', new Uint8Array(7), /has 7 bytes/],
    [
      'a header of 2^64-1 bytes',
      fileWith('{}', undefined, 2n ** 64n - 1n),
      /claims 18446744073709551615 bytes, but 2 follow/,
    ],
    ['a header of 10 GB', fileWith('{}', undefined, 10n ** 10n), /claims 10000000000 bytes/],
    ['a header one byte too long', fileWith('{}', undefined, 3n), /claims 3 bytes, but 2 follow/],
    ['no header', fileWith(''), /does not start with/],
    ['a header that starts with a space', fileWith(' {}'), /does not start with/],
    ['a header that is a list', fileWith('[]'), /does not start with/],
    ['a header that ends early', fileWith('{"x":'), /not a JSON object/],
    [
      'a header that is not UTF-8',
      fileWith(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)),
      /not a JSON object: it is not UTF-8/,
    ],
    ['a name that occurs twice', fileWith(`{"x":${ONE},"x":${ONE}}`, new Uint8Array(4)), /"x\\?" occurs twice/],
    [
      'a name that occurs twice, once escaped',
      fileWith(`{"x":${ONE},"\\u0078":${ONE}}`, new Uint8Array(4)),
      /occurs twice/,
    ],
    [
      'a field that occurs twice',
      fileWith(`{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, new Uint8Array(4)),
      /occurs twice/,
    ],
    ['a half surrogate as a name', fileWith(`{"\\ud800":${ONE}}`, new Uint8Array(4)), /well-formed/],
    ['an entry that is not an object', fileWith('{"x":4}'), /entry of 'x' is not an object/],
    ['an entry without fields', fileWith('{"x":{}}'), /dtype undefined/],
    [
      'a dtype of the prototype',
      fileWith(`{"x":${entry('toString', '[1]', '[0,4]')}}`, new Uint8Array(4)),
      /dtype "toString"/,
    ],
    [
      'a dtype it does not hold',
      fileWith(`{"x":${entry('F8_E4M3', '[1]', '[0,1]')}}`, new Uint8Array(1)),
      /F8_E4M3.*those read are F16/,
    ],
    ['U64, which nothing here holds', fileWith(`{"x":${entry('U64', '[1]', '[0,8]')}}`, new Uint8Array(8)), /U64/],
    [
      'a shape that is not a list',
      fileWith(`{"x":${entry('F32', '1', '[0,4]')}}`, new Uint8Array(4)),
      /not a list of extents/,
    ],
    ['a negative extent', fileWith(`{"x":${entry('F32', '[-1]', '[0,4]')}}`, new Uint8Array(4)), /extent -1/],
    ['half an extent', fileWith(`{"x":${entry('F32', '[0.5]', '[0,2]')}}`, new Uint8Array(2)), /extent 0.5/],
    [
      'an extent past 2^53',
      fileWith(`{"x":${entry('F32', '[9007199254740993]', '[0,4]')}}`, new Uint8Array(4)),
      /extent 9007199254740992/,
    ],
    ['a shape that overflows', fileWith(`{"x":${entry('F32', '[4294967296,4294967296]', '[0,0]')}}`), /overflows/],
    [
      'a shape that overflows before a zero',
      fileWith(`{"x":${entry('F32', '[4294967296,4294967296,0]', '[0,0]')}}`),
      /overflows/,
    ],
    [
      'a shape of 10 GB',
      fileWith(`{"x":${entry('F32', '[2500000000]', '[0,10000000000]')}}`, new Uint8Array(4)),
      /take 10000000000 bytes, but 4 follow/,
    ],
    [
      '33 dimensions',
      fileWith(`{"x":${entry('F32', `[${Array(33).fill(1)}]`, '[0,4]')}}`, new Uint8Array(4)),
      /33 dimensions/,
    ],
    ['one offset', fileWith(`{"x":${entry('F32', '[1]', '[4]')}}`, new Uint8Array(4)), /not a pair/],
    ['offsets backwards', fileWith(`{"x":${entry('F32', '[1]', '[4,0]')}}`, new Uint8Array(4)), /not in order/],
    [
      'offsets that do not fit the shape',
      fileWith(`{"x":${entry('F32', '[2]', '[0,4]')}}`, new Uint8Array(4)),
      /hold 4 bytes, but F32 of shape \[2\] takes 8/,
    ],
    [
      'offsets past the end',
      fileWith(`{"x":${entry('F32', '[2]', '[0,8]')}}`, new Uint8Array(4)),
      /take 8 bytes, but 4 follow/,
    ],
    [
      'an overlap',
      fileWith(`{"x":${ONE},"y":${entry('F32', '[1]', '[2,6]')}}`, new Uint8Array(6)),
      /'y' starts at byte 2, inside/,
    ],
    ['the same bytes twice', fileWith(`{"x":${ONE},"y":${ONE}}`, new Uint8Array(4)), /inside another/],
    ['a hole', fileWith(`{"x":${ONE},"y":${entry('F32', '[1]', '[8,12]')}}`, new Uint8Array(12)), /bytes from 4 to 8/],
    ['a hole at the start', fileWith(`{"x":${entry('F32', '[1]', '[4,8]')}}`, new Uint8Array(8)), /bytes from 0 to 4/],
    ['bytes left over', fileWith(`{"x":${ONE}}`, new Uint8Array(5)), /take 4 bytes, but 5 follow/],
    ['a bool of 2', fileWith(`{"x":${entry('BOOL', '[1]', '[0,1]')}}`, Uint8Array.of(2)), /in 'x' the bool at 0 is 2/],
    ['metadata that is a list', fileWith('{"__metadata__":[]}'), /__metadata__ is not an object/],
    ['metadata that is null', fileWith('{"__metadata__":null}'), /__metadata__ is not an object/],
    ['metadata with a number', fileWith('{"__metadata__":{"a":1}}'), /'a' in __metadata__ is not a string/],
  ])('refuses %s', async (_what, file, message) => {
    const text = await refusal(() => readSafetensors(file));
    expect(text).toMatch(/^invalid-file: /);
    expect(text).toMatch(message);
  });

  it('refuses what is over a limit', async () => {
    const file = writeSafetensors(
      new Map(['a', 'b'].map((name) => [name, new Tensor('bool', [8], new Uint8Array(8))])),
    );
    const limited = (limits: object) => refusal(() => readSafetensors(file, { ...DEFAULT_FILE_LIMITS, ...limits }));
    expect(await limited({ maxFileBytes: 100 })).toMatch(/limit-exceeded: .* at most 100/);
    expect(await limited({ maxTensors: 1 })).toMatch(/limit-exceeded: .* 2 tensors; at most 1/);
    expect(await limited({ maxUnpackedBytes: 15 })).toMatch(/limit-exceeded: .* 16 unpacked bytes; at most 15/);
    expect(await limited({ maxHeaderBytes: 20 })).toMatch(/limit-exceeded: .* header bytes; at most 20/);
  });

  it('refuses every truncation', async () => {
    for (const { file } of GOLDENS) {
      for (const cut of truncations(goldenBytes(file)))
        expect(await outcomeOf(() => readSafetensors(cut))).toBe('refused');
    }
  });

  it('never fails otherwise on damaged files', async () => {
    for (const { file } of GOLDENS) await fuzz(goldenBytes(file), 1500, readSafetensors);
  });
});

describe('writeSafetensors', () => {
  const names = fc
    .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('0', '10', '2', '__proto__', 'a"\\'))
    .filter((n) => n !== '__metadata__');

  it('gives back names, order, dtypes, shapes and every bit', () => {
    fc.assert(
      fc.property(tensorsOf(DTYPES, names), fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const file = writeSafetensors(tensors, metadata);
        const read = readSafetensors(file);
        expect(bitsOf(read.tensors)).toEqual(bitsOf(tensors));
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect(writeSafetensors(tensors, metadata)).toEqual(file);
      }),
    );
  });

  it('pads its header with spaces so that every tensor is aligned', () => {
    fc.assert(
      fc.property(tensorsOf(DTYPES, names), (tensors) => {
        const file = writeSafetensors(tensors);
        const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
        expect((8 + length) % 8).toBe(0);
        const text = new TextDecoder().decode(file.subarray(8, 8 + length));
        expect(text).toMatch(/\} {0,7}$/);
        for (const {
          dtype,
          data_offsets: [begin],
        } of Object.values<{ dtype: string; data_offsets: [number] }>(JSON.parse(text))) {
          expect(begin % (Number(/\d+$/.exec(dtype) ?? 8) / 8)).toBe(0);
        }
      }),
    );
  });

  it('refuses the name that the format keeps for itself', () => {
    const tensors = new Map([['__metadata__', new Tensor('float32', [], Float32Array.of(1))]]);
    expect(() => writeSafetensors(tensors)).toThrow(RangeError);
  });
});

describe('a large file', () => {
  /** Its header does not end at a multiple of 8. */
  const unaligned = (dtype: string, bytes: Buffer, width: number) => {
    const header = JSON.stringify({ x: { dtype, shape: [bytes.length / width], data_offsets: [0, bytes.length] } });
    const size = Buffer.alloc(8);
    const padded = header.padEnd(8 * Math.ceil(header.length / 8) + 1);
    size.writeBigUInt64LE(BigInt(padded.length));
    return new Uint8Array(Buffer.concat([size, Buffer.from(padded), bytes]));
  };

  const bytesOf = ({ buffer, byteOffset, byteLength }: TensorData) => Buffer.from(buffer, byteOffset, byteLength);

  it.each([
    ['F32', 4],
    ['F64', 8],
    ['F16', 2],
    ['BOOL', 1],
    ['U32', 4],
  ])('is read in slices: %s', (dtype, width) => {
    const count = 2 ** 22 / width;
    const bytes = Buffer.alloc(2 ** 22);
    for (let k = 0; k < count; k += 1000) bytes[k * width] = 1;
    const reading = safetensorsSlices(unaligned(dtype, bytes, width), DEFAULT_FILE_LIMITS, { views: true });
    let slices = 0;
    let step = reading.next();
    for (; !step.done; step = reading.next()) slices++;
    expect(slices).toBeGreaterThanOrEqual(4);
    const { data } = step.value.tensors.get('x')!;
    expect(Buffer.compare(bytesOf(data), bytesOf(decodeElements(TYPES[dtype], bytes)))).toBe(0);
  });

  it('is read in slices where it has many tensors', () => {
    const tensors = new Map(
      Array.from({ length: 10_000 }, (_, k) => [`t${k}`, new Tensor('float32', [1], Float32Array.of(k))]),
    );
    const reading = safetensorsSlices(writeSafetensors(tensors), DEFAULT_FILE_LIMITS);
    let slices = 0;
    let step = reading.next();
    for (; !step.done; step = reading.next()) slices++;
    expect(slices).toBeGreaterThan(100);
    expect([...step.value.tensors.keys()]).toEqual([...tensors.keys()]);
    expect(step.value.tensors.get('t9999')?.data).toEqual(Float32Array.of(9999));
  });

  it('is refused by the place of a bool that is neither 0 nor 1', () => {
    const bytes = Buffer.alloc(2 ** 22);
    bytes[3_000_001] = 2;
    expect(() => readSafetensors(unaligned('BOOL', bytes, 1))).toThrow('the bool at 3000001 is 2');
  });
});
