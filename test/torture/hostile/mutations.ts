import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HDF5, KERAS, NPZ, ONNX, PYTORCH, SAFETENSORS } from '../../../src/domain/media-types.ts';
import { damaged } from '../../files/hostile.ts';
import { startApp } from '../../support/app.ts';
import { call } from '../../support/call.ts';
import { postFile, putFile } from '../../support/files.ts';
import { createRandom } from '../random.ts';
import type { RunOptions } from '../run-options.ts';

const GOLDEN = join(import.meta.dirname, '..', '..', 'golden');
const TYPES: Readonly<Record<string, string>> = {
  safetensors: SAFETENSORS,
  npz: NPZ,
  h5: HDF5,
  keras: KERAS,
  onnx: ONNX,
  pt: PYTORCH,
};
/** What a damaged file may get: a cell, a clear refusal, or the answer of a service that is too busy to look at it. */
const isRight = (status: number) => status < 500 || status === 503;

/** Every weight file of the golden cases, with its type. */
function weightFiles(): readonly { readonly name: string; readonly type: string; readonly bytes: Uint8Array }[] {
  return ['weight_files', 'pytorch_modules'].flatMap((folder) =>
    readdirSync(join(GOLDEN, folder)).flatMap((name) => {
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
      return type ? [{ name, type, bytes: readFileSync(join(GOLDEN, folder, name)) }] : [];
    }),
  );
}

/**
 * Sends `size` damaged copies of every weight file, as a new cell and into a cell: each gets a clear answer, and then the
 * service still makes a cell of the file as it was. @throws {Error} naming the file, the seed and the answer
 */
export async function mutations({ seed, size, progress }: RunOptions) {
  const random = createRandom(seed);
  const app = await startApp({ limits: { maxCheckpointBytes: 2 ** 23 } });
  const sum: Record<number, number> = {};
  try {
    await call(app, 'POST', '/v1/cells', {
      id: 'gru',
      class_name: 'GRUCell',
      config: { units: 3 },
      input_shape: [null, 2],
    });
    const files = weightFiles();
    for (const { name, type, bytes } of files) {
      const query = '?id=damaged';
      for (let round = 0; round < size; round++) {
        const file = damaged(bytes, random.next);
        const intoCell = random.chance(0.25);
        const reply = intoCell ? await putFile(app, 'gru', type, file) : await postFile(app, type, file, query);
        sum[reply.status] = (sum[reply.status] ?? 0) + 1;
        if (!isRight(reply.status)) throw new Error(`${name}, round ${round}: ${reply.status} ${reply.text}`);
        if (reply.status === 201) await call(app, 'DELETE', '/v1/cells/damaged');
      }
      const sound = await postFile(app, type, bytes, query);
      // Some need to be told a layer, or an option.
      if (![201, 422].includes(sound.status)) throw new Error(`${name} as it was: ${sound.status} ${sound.text}`);
      if (sound.status === 201) await call(app, 'DELETE', '/v1/cells/damaged');
      progress?.(`${name}: ${size} damaged copies`);
    }
    return { files: files.length, answers: sum };
  } finally {
    await app.close();
  }
}
