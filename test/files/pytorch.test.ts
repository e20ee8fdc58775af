import { execFileSync } from 'node:child_process';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { readStateDict } from '../../src/files/pytorch/state-dict.ts';
import { readSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, refusal, truncations } from './hostile.ts';

const read = (bytes: Uint8Array) => readStateDict(bytes, DEFAULT_FILE_LIMITS);
const module = (file: string) => goldenBytes(`../pytorch_modules/${file}`);

/** A file of torch.save with this pickle, given as latin1. */
function withPickle(pickle: string): Uint8Array {
  return zipSync({ 'm/data.pkl': Buffer.from(pickle, 'latin1'), 'm/data/0': new Uint8Array(64) }, { level: 0 });
}

const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const storage = (type = 'FloatStorage') => `(${text('storage')}ctorch\n${type}\n${text('0')}${text('cpu')}K\x10tQ`;
/** A dict with one tensor 'a': of `shape` and `strides`, each the opcodes of a tuple. */
const tensor = (shape: string, strides: string, offset = 'K\0', kind = storage()) =>
  `\x80\x02}${text('a')}ctorch._utils\n_rebuild_tensor_v2\n(${kind}${offset}${shape}${strides}\x89}tRs.`;

describe('a file of torch.save', () => {
  it('gives the tensors with their bits', async () => {
    const { tensors, skipped } = await read(module('two_layers.pt'));
    expect(skipped).toEqual([]);
    expect([...tensors.keys()].slice(0, 3)).toEqual(['embedding.weight', 'rnn.weight_ih_l0', 'rnn.weight_hh_l0']);
    expect(tensors.get('rnn.weight_ih_l0')).toMatchObject({ dtype: 'float32', shape: [15, 4] });
    expect((await read(module('half.pt'))).tensors.get('head.bias')).toMatchObject({ dtype: 'float16', shape: [11] });
    expect((await read(module('double.pt'))).tensors.get('head.bias')).toMatchObject({ dtype: 'float64' });
  });

  it.each([
    ['that does not lie in rows in the order of its rows', 'K\x01K\x02\x86', [1, 3, 5, 2, 4, 6]],
    ['that lies in rows from where it begins in its storage', 'K\x03K\x01\x86', [1, 2, 3, 4, 5, 6]],
  ])('gives a tensor %s', async (_, strides, expected) => {
    const bytes = zipSync(
      {
        'm/data.pkl': Buffer.from(tensor('K\x02K\x03\x86', strides, 'K\x01'), 'latin1'),
        'm/data/0': new Uint8Array(Float32Array.from({ length: 16 }, (_, k) => k).buffer),
      },
      { level: 0 },
    );
    const { tensors } = await read(bytes);
    expect(tensors.get('a')?.shape).toEqual([2, 3]);
    expect(Array.from(tensors.get('a')?.data ?? [], Number)).toEqual(expected);
  });

  it('reads the numbers that safetensors has, where Python is there to say so', {
    skip: !process.env.CELLSTEP_INTEROP_PYTHON,
  }, async () => {
    const script =
      'import io,sys,torch,safetensors.torch as s;sys.stdout.buffer.write(s.save({k:v.contiguous() for k,v in torch.load(io.BytesIO(sys.stdin.buffer.read())).items()}))';
    const same = execFileSync(process.env.CELLSTEP_INTEROP_PYTHON ?? '', ['-c', script], { input: module('lstm.pt') });
    const ours = (await read(module('lstm.pt'))).tensors;
    const { tensors } = readSafetensors(new Uint8Array(same));
    expect(new Map([...ours].toSorted())).toEqual(new Map([...tensors].toSorted()));
  });

  it('skips entries that are not tensors, and tensors of an unknown kind', async () => {
    const odd = tensor('K\x02\x85', 'K\x01\x85', 'K\0', storage('QInt8Storage'));
    expect((await read(withPickle(odd))).skipped).toEqual([
      { name: 'a', reason: 'Its elements are of torch.QInt8Storage.' },
    ]);
    const { skipped } = await read(withPickle(`\x80\x02}${text('a')}cos\nsystem\n${text('rm')}\x85Rs.`));
    expect(skipped).toEqual([{ name: 'a', reason: 'It is an object of os.system, not a tensor.' }]);
  });
});

describe('a file of torch.save is refused', () => {
  it('wherever it is cut off', async () => {
    for (const bytes of truncations(module('lstm.pt'))) expect(await outcomeOf(() => read(bytes))).toBe('refused');
  });

  it('or read, whatever is damaged in it', () => fuzz(module('checkpoint.pt'), 2000, read), 60_000);

  it('where it is a whole module, or of an old PyTorch', async () => {
    const whole = withPickle('\x80\x02c__main__\nModel\n)\x81}b.');
    expect(await refusal(() => read(whole))).toMatch(/an object of __main__\.Model, not a state_dict/);
    const old = Buffer.from('80028a0a6cfc9c46f9206aa850192e80024de9032e', 'hex');
    expect(await refusal(() => read(old))).toMatch(/PyTorch before 1\.6/);
    expect(await refusal(() => read(zipSync({ 'm/other': strToU8('') })))).toMatch(/no member '<name>\/data\.pkl'/);
  });

  it.each([
    ['goes beyond its storage', tensor('K\x11\x85', 'K\x01\x85')],
    ['begins beyond its storage', tensor('K\x01\x85', 'K\x01\x85', 'J\xff\xff\xff\x7f')],
    ['has a negative stride', tensor('K\x02\x85', 'J\xff\xff\xff\xff\x85')],
    ['has other strides than axes', tensor('K\x02\x85', 'K\x02K\x01\x86')],
    ['repeats one number for ever', tensor('J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86', 'K\0K\0\x86')],
    ['repeats one number a billion times', tensor('J\0\0\0\x40\x85', 'K\0\x85')],
  ])('where a tensor %s', async (_, pickle) => {
    expect(await refusal(() => read(withPickle(pickle)))).toMatch(/^(invalid-file|limit-exceeded)/);
  });

  it('where it is within itself, or grows without end', async () => {
    const loop = `\x80\x02}q\0${text('a')}h\0s.`;
    expect(await refusal(() => read(withPickle(loop)))).toMatch(/nested more than 8 deep/);
    // Each dict has the one before twice: 2^30 entries, were they walked.
    const doubled = Array.from(
      { length: 7 },
      (_, k) =>
        `}q${String.fromCharCode(k + 1)}(${Array.from({ length: 20 }, (_, i) => `K${String.fromCharCode(i)}h${String.fromCharCode(k)}`).join('')}u`,
    );
    expect(await refusal(() => read(withPickle(`\x80\x02}q\0${doubled.join('')}.`)))).toMatch(/^limit-exceeded/);
    expect(await refusal(() => read(withPickle(`\x80\x02${'}'.repeat(2 ** 21)}.`)))).toMatch(/opcodes/);
  });
});
