import { manifestSchema } from '../../schemas/checkpoint-manifest.ts';
import { Problem } from '../domain/problems.ts';
import { type Manifest, type SnapshotCodec, tensorNames } from '../services/checkpoints/checkpoint-content.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

const METADATA_KEY = 'cellstep';

/** Checkpoints as safetensors files: the values as tensors, everything else as JSON under `cellstep` in the metadata. */
export const checkpointCodec: SnapshotCodec = {
  encode({ manifest, tensors }) {
    return writeSafetensors(tensors, { [METADATA_KEY]: JSON.stringify(manifest) });
  },
  decode(bytes) {
    const { tensors, metadata } = readSafetensors(bytes);
    const manifest = readManifest(metadata[METADATA_KEY]);
    const names = tensorNames(manifest);
    const missing = names.find((name) => !tensors.has(name));
    if (missing !== undefined) throw new Problem('invalid-file', `The checkpoint has no tensor '${missing}'.`);
    if (tensors.size !== new Set(names).size || names.length !== tensors.size) {
      throw new Problem('invalid-file', 'The tensors of the checkpoint are not those that its manifest names.');
    }
    return { manifest, tensors };
  },
};

/** The manifest of a file from anywhere: checked as strictly as a request. */
function readManifest(text: string | undefined): Manifest {
  if (text === undefined) {
    throw new Problem(
      'invalid-file',
      `The file has no '${METADATA_KEY}' metadata, so it is no checkpoint of cellstep.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Problem('invalid-file', "The checkpoint's manifest is not JSON.");
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new Problem('invalid-file', `The checkpoint's manifest is wrong at /${path.join('/')}: ${message}`);
}
