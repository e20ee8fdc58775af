import type { SnapshotCodec, TensorFile } from '../domain/files.ts';
import { Problem } from '../domain/problems.ts';
import { type Manifest, tensorNames } from '../domain/snapshot.ts';
import { DEFAULT_FILE_LIMITS } from './bounds.ts';
import { SafetensorsCheck } from './safetensors/check.ts';
import type { Parsed } from './safetensors/header.ts';
import { safetensorsBytes, safetensorsSlices } from './safetensors/safetensors.ts';

const METADATA_KEY = 'cellstep';

/**
 * Checkpoints as safetensors files: the values as tensors, all else as JSON under `cellstep` in the metadata.
 * `parseManifest` checks that JSON, which may come from anywhere, as strictly as a request. Files of more than `maxBytes` are
 * refused.
 */
export function createCheckpointCodec(
  parseManifest: (json: unknown) => Manifest,
  maxBytes = DEFAULT_FILE_LIMITS.maxFileBytes,
): SnapshotCodec {
  const limits = { ...DEFAULT_FILE_LIMITS, maxFileBytes: maxBytes, maxUnpackedBytes: 4 * maxBytes };
  return {
    encode({ manifest, tensors }) {
      return safetensorsBytes(tensors, { [METADATA_KEY]: JSON.stringify(manifest) });
    },
    *decode(bytes) {
      const { tensors, metadata } = yield* safetensorsSlices(bytes, limits, { views: true });
      return { manifest: readManifest(metadata, new Set(tensors.keys())), tensors };
    },
    check({ length }, hold) {
      const read = ({ entries, metadata }: Parsed) => readManifest(metadata, new Set(entries.map(({ name }) => name)));
      return new SafetensorsCheck({ limits: { ...limits, hold }, length, read });
    },
  };

  /** @throws {Problem} invalid-file if the tensors are others than it says */
  function readManifest(metadata: TensorFile['metadata'], tensors: ReadonlySet<string>): Manifest {
    const manifest = parseManifest(readJson(metadata[METADATA_KEY]));
    const names = tensorNames(manifest);
    const missing = names.find((name) => !tensors.has(name));
    if (missing !== undefined) throw new Problem('invalid-file', `The checkpoint has no tensor '${missing}'.`);
    if (tensors.size !== new Set(names).size || names.length !== tensors.size) {
      const detail = 'The checkpoint has tensors that its manifest does not name, or names one twice.';
      throw new Problem('invalid-file', detail);
    }
    return manifest;
  }
}

function readJson(text: string | undefined): unknown {
  if (text === undefined) {
    const detail = `The file holds no checkpoint: its metadata has no '${METADATA_KEY}'. Send one that cellstep wrote.`;
    throw new Problem('invalid-file', detail);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem('invalid-file', "The checkpoint's manifest is not JSON.", { cause });
  }
}
