import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import type { Attack } from '../attack.ts';

const FILES = join(import.meta.dirname, '../../golden/weight_files');

/** A .npy header and so many zeros, which a zip makes small. */
function npz(megabytes: number): Buffer {
  const elements = megabytes * 250_000;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${elements},), }`.padEnd(117);
  const header = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
    Buffer.from(`${text}\n`),
  ]);
  return Buffer.from(zipSync({ 'kernel.npy': Buffer.concat([header, Buffer.alloc(elements * 4)]) }));
}

/** Files of weights that are larger, or harder to read, than they look. */
export const FILES_OF_WEIGHTS: readonly Attack[] = [
  {
    name: '40 small .npz that unpack to 100 MB each, and to 248 MB',
    run: async (target) => {
      const files = [npz(100), npz(248)];
      await target.flood(40, (client) => target.post('/v1/cells', files[client % 2], { type: 'application/x-npz' }));
    },
  },
  {
    name: 'mutated .h5 of 20 kB, ten at once, and a good one',
    run: async (target) => {
      const good = readFileSync(join(FILES, 'gru_lstm.h5'));
      const type = 'application/x-hdf5';
      const spoilt = Array.from({ length: 60 }, (_, seed) => {
        const copy = Buffer.from(good);
        for (let k = 0; k < 12; k++) copy[8 + ((seed * 7919 + k * 104_729) % (copy.length - 8))] ^= 0xff >> (k % 7);
        return copy;
      });
      let next = 0;
      const flood = target.flood(10, () => target.post('/v1/cells', spoilt[next++ % spoilt.length], { type }));
      const { milliseconds, status } = await target.neighbour().post('/v1/cells?layer=gru', good, { type });
      await flood;
      if (milliseconds > 15_000) return `a good upload: ${status} after ${Math.round(milliseconds)} ms`;
    },
  },
];
