import { crc32, deflateRawSync, InflateRaw } from 'node:zlib';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { writeNpy } from '../../src/files/numpy/npy.ts';
import { npzSlices, readNpz } from '../../src/files/numpy/npz.ts';
import { writeNpz } from '../support/npz.ts';
import { bitsOf, tensorsOf } from './arbitrary-tensors.ts';
import { EXPECTED, expectTensor, goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, refusal, truncations } from './hostile.ts';

const GOLDENS = EXPECTED.filter(({ format }) => format.startsWith('npz'));

/** A version 1.0 array with this header text before `data`. */
function npy(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'), length, Buffer.from(header, 'latin1'), data]);
}

function header(descr: string, shape: string, order = 'False'): string {
  return `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
}

interface Lie {
  name?: string;
  localName?: string;
  method?: number;
  flags?: number;
  size?: number;
  crc?: number;
  disk?: number;
  localAt?: number;
  packed?: Uint8Array;
}

/** A zip with one member a lie; whatever a lie leaves out is true. */
function zip(data: Uint8Array, ...lies: Lie[]): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const lie of lies.length > 0 ? lies : [{}]) {
    const { name = 'x.npy', method = 0, flags = 0, size = data.length, crc = crc32(data), disk = 0 } = lie;
    const { packed = method === 8 ? deflateRawSync(data) : data, localName = name, localAt = at } = lie;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(localName.length, 26);
    locals.push(Buffer.concat([local, Buffer.from(localName), packed]));
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(disk, 34);
    entry.writeUInt32LE(localAt, 42);
    entries.push(Buffer.concat([entry, Buffer.from(name)]));
    at += locals[locals.length - 1].length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** The local header of an empty member `y.npy`, as the data of another. */
const INNER = zip(Buffer.alloc(0), { name: 'y.npy' }).subarray(0, 35);

const ONE = npy(header('<f4', '(1,)'), new Uint8Array(4));

function changed(file: Buffer, change: (copy: Buffer, end: number) => void): Buffer {
  const copy = Buffer.from(file);
  change(copy, copy.length - 22);
  return copy;
}

describe('readNpz', () => {
  it('finds the goldens', () => expect(GOLDENS.length).toBe(6));

  it.each(GOLDENS)('reads every array of $file', async ({ file, tensors = {} }) => {
    const read = await readNpz(goldenBytes(file));
    expect([...read.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, expected] of Object.entries(tensors)) expectTensor(read.get(name), expected);
    expect([...read].map(([name, { dtype }]) => `${name} ${dtype}`)).toEqual(
      expect.arrayContaining(['half float16', 'wide float64', 'step int64', 'kernel float32']),
    );
  });

  it.each<[string, string, number[], string]>([
    ['>f4', '3fc00000', [1.5], 'float32'],
    ['>f2', '3e00', [1.5], 'float16'],
    ['>f8', '3ff8000000000000', [1.5], 'float64'],
    ['>i4', 'fffffffe', [-2], 'int32'],
    ['>i8', 'fffffffffffffffe', [-2], 'int64'],
    ['<i2', 'feff', [-2], 'int32'],
    ['<u4', 'ffffffff', [4294967295], 'int64'],
    ['|b1', '01', [1], 'bool'],
    ['|i1', 'fe', [-2], 'int32'],
    ['|u1', 'fe', [254], 'int32'],
  ])('reads %s', async (descr, hex, values, dtype) => {
    const x = (await readNpz(zip(npy(header(descr, '(1,)'), Buffer.from(hex, 'hex'))))).get('x');
    expect([Array.from(x?.data ?? [], Number), x?.dtype, x?.shape]).toEqual([values, dtype, [1]]);
  });

  it('turns Fortran order of any rank into rows', async () => {
    const data = Uint8Array.from({ length: 24 }, (_, i) => i);
    const x = (await readNpz(zip(npy(header('|u1', '(2, 3, 4)', 'True'), data)))).get('x');
    const rows = Array.from({ length: 24 }, (_, i) => Math.floor(i / 12) + 2 * (Math.floor(i / 4) % 3) + 6 * (i % 4));
    expect(Array.from(x?.data ?? [], Number)).toEqual(rows);
  });

  it('reads headers with other quotes, order and spacing, and versions 2 and 3', async () => {
    const text = '{"shape":(), "fortran_order" : True,"descr":"<f4"}   \n';
    expect((await readNpz(zip(npy(text, new Uint8Array(4))))).get('x')?.shape).toEqual([]);
    for (const version of [2, 3]) {
      const wide = Buffer.concat([
        ONE.subarray(0, 6),
        Uint8Array.of(version, 0),
        ONE.subarray(8, 10),
        Buffer.alloc(2),
        ONE.subarray(10),
      ]);
      expect((await readNpz(zip(wide))).get('x')?.shape).toEqual([1]);
    }
  });

  it('reads members that are only described after their data, and a comment', async () => {
    const file = zip(ONE, { flags: 8 });
    const comment = Buffer.concat([
      changed(file, (copy, end) => copy.writeUInt16LE(5, end + 20)),
      Buffer.from('hello'),
    ]);
    expect((await readNpz(comment)).get('x')?.shape).toEqual([1]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /not a zip archive/],
    ['another file', goldenBytes('gru.safetensors'), /not a zip archive/],
    ['zip64', changed(zip(ONE), (copy, end) => copy.writeUInt32LE(0xffffffff, end + 16)), /zip64/],
    ['a member of zip64', zip(ONE, { size: 0xffffffff }), /'x.npy' needs zip64/],
    ['many disks', changed(zip(ONE), (copy, end) => copy.writeUInt16LE(1, end + 4)), /multi-disk/],
    ['a member on another disk', zip(ONE, { disk: 1 }), /another disk/],
    ['encryption', zip(ONE, { flags: 1 }), /'x.npy' is encrypted/],
    ['another method', zip(ONE, { method: 12 }), /method 12/],
    ['a wrong checksum', zip(ONE, { crc: 1 }), /checksum of the member 'x.npy'/],
    ['a stored size that lies', zip(ONE, { size: ONE.length + 1 }), /claims/],
    ['a deflated size that is too small', zip(ONE, { method: 8, size: ONE.length - 1 }), /does not unpack/],
    ['a deflated size that is too large', zip(ONE, { method: 8, size: ONE.length + 1 }), /claims/],
    ['a deflated size of 0', zip(ONE, { method: 8, size: 0 }), /does not unpack|claims/],
    ['data that is not deflated', zip(ONE, { method: 8, packed: Buffer.from('ffffff', 'hex') }), /does not unpack/],
    ['two members of one name', zip(ONE, {}, {}), /'x.npy' occurs twice/],
    [
      'members that share bytes',
      zip(INNER, {}, { name: 'y.npy', localAt: 35, packed: Buffer.alloc(0) }),
      /'y.npy' overlaps/,
    ],
    ['a name that differs beside the data', zip(ONE, { localName: 'y.npy' }), /another name/],
    ['a name that is not UTF-8', changed(zip(ONE), (copy, end) => copy.fill(0xff, end - 5, end)), /not UTF-8/],
    ['a member that is not there', zip(ONE, { localAt: 5 }), /not where/],
    [
      'an entry that is damaged',
      changed(zip(ONE), (copy, end) => copy.writeUInt8(0, end - 51)),
      /entry 0 of its directory is damaged/,
    ],
    [
      'more entries than it says',
      changed(zip(ONE, {}, { name: 'y.npy' }), (copy, end) => copy.writeUInt32LE(0x00010001, end + 8)),
      /more than its entries/,
    ],
    ['a member that is no array', zip(ONE, { name: 'x.txt' }), /'x.txt' is not a .npy/],
    ['an array that is none', zip(Buffer.from('hello')), /not an array in NumPy's format/],
    ['version 4', zip(Buffer.from(changed(Buffer.from(ONE), (copy) => copy.writeUInt8(4, 6)))), /version 4.0/],
    [
      'a header longer than the file',
      zip(changed(Buffer.from(ONE), (copy) => copy.writeUInt16LE(60000, 8))),
      /claims 60000 bytes/,
    ],
    ['a header of spaces', zip(npy(' '.repeat(20_000))), /20000 bytes, more than 10000/],
    ['no dictionary', zip(npy('hello')), /does not have descr/],
    ['half a dictionary', zip(npy("{'descr': '<f4'}")), /does not have descr/],
    ['a key twice', zip(npy("{'descr': '<f4', 'descr': '<f4', 'shape': ()}")), /not a dictionary/],
    ['code', zip(npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}")), /not a dictionary/],
    ['objects', zip(npy(header('|O', '(1,)'), new Uint8Array(8))), /dtype '\|O'/],
    ['text', zip(npy(header('<U4', '(1,)'), new Uint8Array(16))), /dtype '<U4'/],
    ['a record', zip(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}")), /not a dictionary/],
    ['a negative extent', zip(npy(header('<f4', '(-1,)'))), /does not have descr/],
    ['10 GB of nothing', zip(npy(header('<f4', '(2500000000,)'))), /0 bytes of data, but .* takes 10000000000/],
    ['a shape that overflows', zip(npy(header('<f4', '(99999999, 99999999, 9)'))), /overflows/],
    ['an extent of 400 digits', zip(npy(header('<f4', `(${'9'.repeat(400)},)`))), /extent Infinity/],
    ['33 dimensions', zip(npy(header('<f4', `(${'1,'.repeat(33)})`), new Uint8Array(4))), /33 dimensions/],
    ['a byte too many', zip(npy(header('<f4', '(1,)'), new Uint8Array(5))), /5 bytes of data/],
    ['a bool of 2', zip(npy(header('|b1', '(1,)'), Uint8Array.of(2))), /bool at 0 is 2/],
  ])('refuses %s', async (_what, file, message) => {
    const text = await refusal(() => readNpz(file));
    expect(text).toMatch(/^invalid-file: /);
    expect(text).toMatch(message);
  });

  it('refuses a zip bomb before it unpacks, and as soon as more comes than it claims', async () => {
    const bomb = zip(new Uint8Array(300 * 2 ** 20), { method: 8 });
    expect(bomb.length).toBeLessThan(400_000);
    const unpacked = vi.spyOn(InflateRaw.prototype, 'push');
    expect(await refusal(() => readNpz(bomb))).toMatch(/limit-exceeded: .* 314572800 unpacked bytes/);
    expect(unpacked).not.toHaveBeenCalled();
    const liar = changed(bomb, (copy, end) => copy.writeUInt32LE(1000, end - 51 + 24));
    expect(await refusal(() => readNpz(liar))).toMatch(/invalid-file: .* does not unpack to its 1000 bytes/);
    const bytes = unpacked.mock.calls.reduce((sum, [piece]) => sum + (piece?.length ?? 0), 0);
    unpacked.mockRestore();
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(2 ** 22);
  });

  it('refuses what is over a limit', async () => {
    const file = zip(ONE, {}, { name: 'y.npy' });
    const limited = (limits: object) => refusal(() => readNpz(file, { ...DEFAULT_FILE_LIMITS, ...limits }));
    expect(await limited({ maxFileBytes: 100 })).toMatch(/limit-exceeded/);
    expect(await limited({ maxTensors: 1 })).toMatch(/limit-exceeded: .* 2 members/);
    expect(await limited({ maxUnpackedBytes: 100 })).toMatch(/limit-exceeded: .* unpacked bytes/);
    const wide = zip(npy(header('|i1', '(200,)'), new Uint8Array(200)));
    expect(await refusal(() => readNpz(wide, { ...DEFAULT_FILE_LIMITS, maxUnpackedBytes: 500 }))).toMatch(
      /800 unpacked bytes/,
    );
  });

  it('refuses every truncation', async () => {
    for (const { file } of GOLDENS.slice(0, 2)) {
      for (const cut of truncations(goldenBytes(file))) expect(await outcomeOf(() => readNpz(cut))).toBe('refused');
    }
  });

  it('never fails otherwise on damaged files', async () => {
    for (const { file } of GOLDENS) await fuzz(goldenBytes(file), 500, readNpz);
  });
});

describe('writeNpz', () => {
  it('gives back names, order, dtypes, shapes and every bit', async () => {
    const names = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('0', '10', '2', '__proto__', 'a/b'));
    const dtypes = ['float16', 'float32', 'float64', 'int32', 'int64', 'bool'] as const;
    await fc.assert(
      fc.asyncProperty(tensorsOf(dtypes, names), async (tensors) => {
        const file = writeNpz(tensors);
        expect(bitsOf(await readNpz(file))).toEqual(bitsOf(tensors));
        expect(Buffer.compare(writeNpz(tensors), file)).toBe(0);
      }),
    );
  });

  it('writes bfloat16 as float32, which holds it', async () => {
    const read = await readNpz(writeNpz(new Map([['x', new Tensor('bfloat16', [2], Float32Array.of(1.5, -0))]])));
    expect(read.get('x')).toEqual(new Tensor('float32', [2], Float32Array.of(1.5, -0)));
  });
});

describe('a large .npz', () => {
  const data = Float32Array.from({ length: 2 ** 19 }, (_, k) => k / 3);
  const tensors = new Map([['x', new Tensor('float32', [2, 2 ** 18], data)]]);

  it('is written in slices, to the bytes that fflate writes', () => {
    const writing = npzSlices(tensors);
    let slices = 0;
    let step = writing.next();
    for (; !step.done; step = writing.next()) slices++;
    expect(slices).toBeGreaterThanOrEqual(8);
    const file = step.value.subarray();
    const member = new Uint8Array(writeNpy(tensors.get('x')!).subarray());
    const whole = zipSync({ 'x.npy': member }, { level: 0, mtime: new Date(1980, 0, 1) });
    expect(Buffer.compare(file, whole)).toBe(0);
  });

  it('is read in slices: packed, stored, and in the order of Fortran', async () => {
    const npy = Buffer.from(writeNpy(tensors.get('x')!).subarray());
    const fortran = Buffer.from(npy.toString('latin1').replace('False', 'True '), 'latin1');
    for (const [level, member, first] of [
      [6, npy, [0, 1]],
      [0, npy, [0, 1]],
      [6, fortran, [0, 2]],
    ] as const) {
      let turns = 0;
      const reading = readNpz(zipSync({ 'x.npy': member }, { level }));
      const turn = () => {
        turns++;
        immediate = setImmediate(turn);
      };
      let immediate = setImmediate(turn);
      const read = (await reading).get('x')!;
      clearImmediate(immediate);
      expect(Array.from(read.data.subarray(0, 2) as Float32Array)).toEqual(first.map((k) => Math.fround(k / 3)));
      expect(read.data.at(-1)).toBe(data.at(-1));
      if (level > 0) expect(turns).toBeGreaterThan(4);
    }
  });

  it('gives back the memory of what comes while it is unpacked', async () => {
    const values = Float32Array.from({ length: 2 ** 19 }, (_, k) => Math.fround(Math.sin(k)));
    const member = new Uint8Array(writeNpy(new Tensor('float32', [2 ** 19], values)).subarray());
    const file = zipSync({ 'x.npy': member }, { level: 1 });
    const copying = vi.spyOn(Uint8Array.prototype, 'set');
    const read = await readNpz(file);
    const pieces = copying.mock.calls.map(([piece]) => piece).filter((piece) => Buffer.isBuffer(piece));
    copying.mockRestore();
    expect(read.get('x')?.data).toEqual(values);
    expect(pieces.length).toBeGreaterThanOrEqual(member.length / 2 ** 18);
    // The last buffer was not filled.
    const left = new Set(pieces.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > 0));
    expect(left.size).toBeLessThanOrEqual(1);
  });
});
