import type { IncomingFile, SnapshotCodec, StoredFile, TensorFile } from '../domain/files.ts';
import type { Hold } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { type Manifest, tensorNames } from '../domain/snapshot.ts';
import { inTurns } from '../threads/in-turns.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits } from './bounds.ts';
import { ELEMENT_TYPES, viewSlices } from './elements.ts';
import { SafetensorsCheck } from './safetensors/check.ts';
import {
  coveredBytes,
  type Header,
  headerLength,
  inOrder,
  LENGTH_BYTES,
  type Parsed,
  parse,
  requireCovered,
} from './safetensors/header.ts';
import { readTensor, requireUnpacked, safetensorsHead } from './safetensors/safetensors.ts';

const METADATA_KEY = 'cellstep';

/**
 * Checkpoints as safetensors files: the values as tensors, all else as JSON under `cellstep` in the metadata.
 * `parseManifest` checks that JSON, which may come from anywhere, as strictly as a request, in slices. Files of more than `maxBytes` are
 * refused.
 */
export function createCheckpointCodec(
  parseManifest: (json: unknown) => Generator<void, Manifest>,
  maxBytes = DEFAULT_FILE_LIMITS.maxFileBytes,
): SnapshotCodec {
  const limits = { ...DEFAULT_FILE_LIMITS, maxFileBytes: maxBytes, maxUnpackedBytes: 4 * maxBytes };
  return {
    check,
    async head(manifest, tensors, hold) {
      const head = safetensorsHead(tensors, { [METADATA_KEY]: JSON.stringify(manifest) });
      await inTurns(check({ length: undefined }, hold).take(head));
      return head;
    },
    async open(file, hold) {
      const { entries, metadata, dataStart } = await readStoredHeader(file, { ...limits, hold });
      const places = new Map(entries.map((entry) => [entry.name, entry]));
      return {
        manifest: await inTurns(readManifest(metadata, new Set(places.keys()))),
        shapes: new Map(
          entries.map(({ name, type, shape }) => [name, { name, dtype: ELEMENT_TYPES[type].dtype, shape }]),
        ),
        async read(name) {
          const entry = places.get(name);
          if (!entry) throw new Error(`the checkpoint has no tensor '${name}'`);
          const data = await file.read(dataStart + entry.begin, dataStart + entry.end);
          return inTurns(readTensor({ ...entry, begin: 0, end: data.length }, data, viewSlices));
        },
      };
    },
  };

  function check({ length }: Pick<IncomingFile, 'length'>, hold: Hold) {
    const read = ({ entries, metadata }: Parsed) => readManifest(metadata, new Set(entries.map(({ name }) => name)));
    return new SafetensorsCheck({ limits: { ...limits, hold }, length, read });
  }

  /** @throws {Problem} invalid-file if the tensors are others than it says */
  function* readManifest(metadata: TensorFile['metadata'], tensors: ReadonlySet<string>): Generator<void, Manifest> {
    const manifest = yield* parseManifest(readJson(metadata[METADATA_KEY]));
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

async function readStoredHeader(file: StoredFile, limits: FileLimits): Promise<Header> {
  const beginning = await file.read(0, Math.min(LENGTH_BYTES, file.length));
  const length = headerLength(beginning, file.length, limits);
  limits.hold?.(length);
  const dataStart = LENGTH_BYTES + length;
  const { entries, metadata } = await inTurns(parse(await file.read(LENGTH_BYTES, dataStart), limits));
  requireCovered(coveredBytes(inOrder(entries), limits), file.length - dataStart);
  requireUnpacked(entries, limits);
  return { entries, metadata, dataStart };
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
