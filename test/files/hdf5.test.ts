import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { File, type Group, ready } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { decodeElements, ELEMENT_TYPES } from '../../src/files/elements.ts';
import { createHdf5 } from '../../src/files/hdf5/hdf5.ts';
import type { Hdf5Result, Hdf5Task, HdfTree } from '../../src/files/hdf5/tree.ts';
import { createThreads } from '../../src/files/threads.ts';
import { goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, randomFrom, refusal } from './hostile.ts';

const hdf5 = createHdf5();
/** For damaged files, some of which make the library loop. */
const impatient = createHdf5({ timeoutMs: 3_000 });

/** Made by h5py 3.16: every type of number that it writes, types that are not read, and text attributes of each kind. */
const TYPES = readFileSync(new URL('fixtures/h5py-types.h5', import.meta.url));

/** A file made in this thread by h5wasm, to have in it what Keras never writes. */
async function fileOf(write: (root: Group) => void): Promise<Uint8Array> {
  const { FS } = await ready;
  const file = new File('/test.h5', 'w');
  write(file);
  file.flush();
  file.close();
  const bytes = FS.readFile('/test.h5');
  FS.unlink('/test.h5');
  return bytes;
}

function valuesOf(tree: HdfTree, name: string): unknown[] {
  const dataset = tree.datasets.get(name);
  if (!dataset) return [];
  return [ELEMENT_TYPES[dataset.type].dtype, dataset.shape, ...decodeElements(dataset.type, dataset.bytes)];
}

describe('reading', () => {
  it('ends with its client, even if that leaves before the thread has begun', async () => {
    const script = new URL('../../src/files/hdf5/worker.ts', import.meta.url);
    const threads = createThreads<Hdf5Task, Hdf5Result>(script, 20_000);
    const request = { kind: 'read', bytes: TYPES, limits: DEFAULT_FILE_LIMITS, memoryBytes: 2 ** 28 } as const;
    // A thread that runs already is asked for its time first, and the client leaves meanwhile.
    expect(await threads.run(request)).toHaveProperty('tree');
    const gone = new AbortController();
    const asked = threads.run(request, [], gone.signal);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: 'client-gone' });
  });

  it('reads every type that h5py writes numbers in', async () => {
    const tree = await hdf5.read(TYPES);
    const values = (name: string) => valuesOf(tree, name);
    expect(values('f16')).toEqual(['float16', [3], 0.0999755859375, -65504, Number.POSITIVE_INFINITY]);
    expect(values('bf16')).toEqual(['bfloat16', [2], 0.10009765625, -3]);
    const widened = (name: string) => tree.datasets.get(name)?.widened;
    expect(widened('f16')).toEqual(Float32Array.of(0.0999755859375, -65504, Number.POSITIVE_INFINITY));
    expect(widened('bf16')).toEqual(Float32Array.of(0.10009765625, -3));
    expect(values('be32')).toEqual(['float32', [2, 1], 1.5, -2.25]);
    expect(values('be64')).toEqual(['int64', [2], 2n ** 40n, -1n]);
    expect(values('f64')).toEqual(['float64', [], Math.PI]);
    expect(values('bool')).toEqual(['bool', [2], 1, 0]);
    expect(values('u8')).toEqual(['int32', [2], 0, 255]);
    expect(values('i16')).toEqual(['int32', [1], -5]);
    expect(values('u32')).toEqual(['int64', [1], 4294967295n]);
    expect(values('empty')).toEqual(['float32', [0, 3]]);
    expect(values('packed')).toEqual(['float32', [4, 6], ...Array(24).keys()]);
    expect([...tree.unread.keys()].sort()).toEqual(['compound', 'null', 'text', 'u64']);
  });

  it('reads text attributes of every kind, in UTF-8', async () => {
    const { groups } = await hdf5.read(TYPES);
    expect(groups.get('gruppe/ä')).toEqual({ fixed: ['kernel', 'größe'], list: ['a', 'ü'], none: [], one: 'x' });
  });

  it('refuses links, which could lead out of the file', async () => {
    const soft = await fileOf((root) => root.create_soft_link('/nowhere', 'soft'));
    const inside = await fileOf((root) => {
      root.create_dataset({ name: 'x', data: Float32Array.of(1) });
      root.create_soft_link('/x', 'soft');
    });
    const external = await fileOf((root) => root.create_external_link('/dev/random', '/', 'out'));
    expect(await refusal(() => hdf5.read(soft))).toMatch(/invalid-file: .*'soft' is a link/);
    expect(await refusal(() => hdf5.read(inside))).toMatch(/invalid-file: .*'soft' is a link/);
    expect(await refusal(() => hdf5.read(external))).toMatch(/invalid-file: .*'out' is a link/);
  });

  it('refuses groups that hold themselves, and groups nested too deep', async () => {
    const circle = await fileOf((root) => {
      root.create_group('a').create_hard_link('/', 'b');
    });
    const deep = await fileOf((root) => {
      for (let i = 0, group = root; i < 20; i++) group = group.create_group('g');
    });
    expect(await refusal(() => hdf5.read(circle))).toMatch(/invalid-file: .*nested deeper than 16/);
    expect(await refusal(() => hdf5.read(deep))).toMatch(/invalid-file: .*nested deeper than 16/);
  });

  it('refuses what is over a limit before it reads it', async () => {
    const limited = (bytes: Uint8Array, limits: object) =>
      refusal(() => hdf5.read(bytes, { ...DEFAULT_FILE_LIMITS, ...limits }));
    const golden = goldenBytes('gru_lstm.weights.h5');
    expect(await limited(golden, { maxFileBytes: 1000 })).toMatch(/limit-exceeded: .* 18720 bytes; at most 1000/);
    expect(await limited(golden, { maxUnpackedBytes: 500 })).toMatch(/limit-exceeded: .* unpacked bytes; at most 500/);
    expect(await limited(golden, { maxTensors: 10 })).toMatch(/limit-exceeded: .* 11 groups and datasets; at most 10/);
    expect(await limited(goldenBytes('stacked.h5'), { maxHeaderBytes: 100 })).toMatch(/limit-exceeded: .* attribute/);
    const huge = await fileOf((root) => {
      const data = root.create_dataset({ name: 'x', data: Float32Array.of(1), maxshape: [null], chunks: [1024] });
      data.resize([2_500_000_000]);
    });
    expect(huge.length).toBeLessThan(20_000);
    expect(await refusal(() => hdf5.read(huge))).toMatch(/limit-exceeded: .* 10000000000 unpacked bytes/);
  });

  it('refuses a chunk that unpacks to more than the file may have', async () => {
    const random = randomFrom(1);
    const noise = Uint8Array.from({ length: 600_000 }, () => Math.floor(random() * 256));
    const file = await fileOf((root) => {
      root.create_dataset({ name: 'x', data: noise, chunks: [noise.length], compression: 'gzip' });
    });
    const bomb = deflateSync(Buffer.alloc(100 * 2 ** 20), { level: 9 });
    // Noise does not shrink: the chunk is a zlib header and stored blocks.
    const chunk = Buffer.from(file).indexOf(noise.subarray(0, 64)) - 7;
    expect(file[chunk]).toBe(0x78);
    expect(bomb.length).toBeLessThan(noise.length);
    file.set(bomb, chunk);
    const text = await refusal(() => hdf5.read(file, { ...DEFAULT_FILE_LIMITS, maxUnpackedBytes: 2 ** 20 }));
    expect(text).toMatch(/invalid-file: .*(memory|filter|inflate)/);
  });

  it('gives up on a file that takes too long, and reads the next one', async () => {
    // Starting the thread takes longer than that.
    const hasty = createHdf5({ timeoutMs: 20 });
    // On a busy machine the thread may not get a processor in time.
    expect(await refusal(() => hasty.read(TYPES))).toMatch(
      /invalid-file: .*took longer than 20 ms|overloaded: .*the machine is busy/,
    );
    expect((await hdf5.read(TYPES)).datasets.size).toBe(12);
  });

  it('reads in the thread of the file before as in a new one', async () => {
    const one = createHdf5({ concurrency: 1 });
    const golden = goldenBytes('gru_lstm.weights.h5');
    const tree = await one.read(golden);
    for (const file of [TYPES, await one.write({ ...tree, unread: new Map() }), golden]) {
      expect(await one.read(file)).toEqual(await createHdf5().read(file));
    }
  });

  it('works on no more files at once than it may, and on all in the end', async () => {
    const one = createHdf5({ concurrency: 1 });
    const trees = await Promise.all([
      one.read(TYPES),
      outcomeOf(() => one.read(TYPES.subarray(0, 900))),
      one.read(TYPES),
    ]);
    expect(trees[1]).toBe('refused');
    expect(trees[2]).toEqual(trees[0]);
  });

  it('refuses truncations', async () => {
    for (const file of ['gru_lstm.weights.h5', 'stacked.h5']) {
      const bytes = goldenBytes(file);
      const cuts = [
        0,
        1,
        7,
        8,
        9,
        50,
        95,
        96,
        97,
        200,
        544,
        800,
        2048,
        5000,
        9999,
        bytes.length - 100,
        bytes.length - 1,
      ];
      await Promise.all(
        cuts.map(async (cut) =>
          expect([cut, await outcomeOf(() => hdf5.read(bytes.subarray(0, cut)))]).toEqual([cut, 'refused']),
        ),
      );
    }
  });

  it('never fails otherwise on damaged files', async () => {
    for (const bytes of [goldenBytes('simple_rnn.weights.h5'), goldenBytes('simple_rnn.h5'), TYPES])
      await fuzz(bytes, 10, impatient.read);
  });
});

describe('writing', () => {
  it('gives back groups, attributes and every bit', async () => {
    const name = fc.stringMatching(/^[A-Za-zä][A-Za-z0-9_:.-]{0,8}$/);
    const dataset = fc
      .tuple(fc.constantFrom('f32', 'f64', 'i32', 'i64'), fc.array(fc.nat({ max: 3 }), { maxLength: 3 }))
      .chain(([type, shape]) => {
        const length = shape.reduce((a, b) => a * b, 1) * ELEMENT_TYPES[type].bytes;
        return fc
          .uint8Array({ minLength: length, maxLength: length })
          .map((bytes) => ({ type, shape, bytes: new Uint8Array(bytes) }));
      });
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
    const attributes = fc.dictionary(name, fc.oneof(text, fc.array(text)), { noNullPrototype: true });
    const trees = fc.record({
      groups: fc.dictionary(name, attributes, { maxKeys: 3, noNullPrototype: true }),
      datasets: fc.dictionary(name, dataset, { maxKeys: 3, noNullPrototype: true }),
    });
    await fc.assert(
      fc.asyncProperty(trees, async ({ groups, datasets }) => {
        const tree: HdfTree = {
          groups: new Map([
            ['', { a: 'b' }],
            ...Object.entries(groups).map(([key, value]): [string, typeof value] => [`g ${key}`, value]),
          ]),
          datasets: new Map(Object.entries(datasets).map(([key, value]) => [`d ${key}`, value])),
          unread: new Map(),
        };
        expect(await hdf5.read(await hdf5.write(tree))).toEqual(tree);
      }),
      { numRuns: 10 },
    );
  });

  it('refuses a type that the library cannot write', async () => {
    const bytes = new Uint8Array(2);
    const tree: HdfTree = {
      groups: new Map([['', {}]]),
      datasets: new Map([['x', { type: 'f16', shape: [1], bytes }]]),
      unread: new Map(),
    };
    await expect(hdf5.write(tree)).rejects.toThrow(/cannot write f16/);
  });
});
