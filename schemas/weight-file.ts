import { z } from 'zod';
import {
  HDF5,
  KERAS,
  MULTIPART,
  NPZ,
  OCTET_STREAM,
  ONNX,
  PYTORCH,
  SAFETENSORS,
  type SentFileType,
  ZIP,
} from '../src/domain/media-types.ts';
import { cellReply, createCellBody, precision, weightsBody, weightsReply } from './cell.ts';
import { idOf } from './common.ts';

const DESCRIPTIONS: Readonly<Record<SentFileType, string>> = {
  [SAFETENSORS]: 'Named tensors. Files that this service writes have the configuration in their metadata.',
  [NPZ]: 'Named arrays of NumPy, as numpy.savez and numpy.savez_compressed write them.',
  [HDF5]: "Keras' `.weights.h5`, or its legacy `.h5` (`application/x-hdf5; profile=legacy`).",
  [KERAS]: "A whole model in Keras' `.keras` format.",
  [ONNX]: 'A model with RNN, GRU or LSTM nodes.',
  [PYTORCH]:
    'A `.pt` or `.pth` file of `torch.save(model.state_dict(), …)`, or of a dict that has a state_dict. Only tensors are read; no code of the file is run.',
  [ZIP]: 'An `.npz`, `.keras` or `.pt` file. The service looks at its content.',
  [OCTET_STREAM]: 'Any of these files. The service looks at the first bytes.',
  [MULTIPART]:
    'A model in the part `model`, and the files that hold its data, each with its filename. torch.onnx.export writes such files beside an ONNX model.',
};

/** What an import took from a file, and what it left out. */
const imported = z
  .object({
    layers: z.array(z.string()),
    skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  })
  .describe('What was taken from a file and what was left out. Absent if nothing was left out.');

export const importedCellReply = cellReply.extend({ imported: imported.optional() }).meta({ id: 'ImportedCell' });

function file(contentMediaType: SentFileType) {
  return z
    .instanceof(Uint8Array)
    .meta({ type: 'string', contentMediaType, description: DESCRIPTIONS[contentMediaType] });
}

const files = [file(SAFETENSORS), file(NPZ), file(HDF5), file(KERAS), file(ONNX)] as const;
const sentFiles = [...files, file(PYTORCH), file(ZIP), file(OCTET_STREAM), file(MULTIPART)] as const;

/** JSON comes first, so that a body that is not a file gets the errors of the JSON form. */
export const createCellBodies = z.union([createCellBody, ...sentFiles]);
export const weightsBodies = z.union([weightsBody, ...sentFiles]);
export const weightsReplies = z.union([weightsReply, ...files]);

const layer = z
  .string()
  .max(1000)
  .optional()
  .describe('For a file with several layers: the layer to take. `.` is the layer whose tensors have no path.');

const flag = z
  .enum(['true', 'false'])
  .optional()
  .transform((value) => (value === undefined ? undefined : value === 'true'));

const option = z.string().max(10_000).optional();
/** Any option of a config, by its dotted name. */
const OPTION_NAME = /^config\.[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;
const chain = option.describe(
  'JSON: `["embedding","lstm","head"]`. Makes a network of several layers of a PyTorch module, named in the order in which the module calls them. Embedding, Linear, LayerNorm, RNN, GRU and LSTM are known by their tensors. Send the options of a layer as `config.<layer>.<option>`: `config.head.activation="softmax"`, `config.lstm.return_sequences=false`.',
);

export const createCellQuery = z
  .object({
    id: idOf('the cell made from a file; the service makes one if you leave it out').optional(),
    layer,
    graph: flag.describe('`true`: keep the whole ONNX graph, and run it in ONNX Runtime.'),
    dry_run: flag.describe(
      'With `graph`: say what the graph takes and gives, and what states it has. Nothing is stored.',
    ),
    // No examples: Swagger UI would send them with every body.
    states: z
      .string()
      .max(20_000)
      .optional()
      .describe(
        'With `graph`: its states, as `state:stateN,h:hn`. Left out: those that names and shapes tell, and those inside of recurrent nodes. Empty: none.',
      ),
    constants: z
      .string()
      .max(1_000_000)
      .optional()
      .describe('With `graph`: inputs that are fixed for good, as JSON: `{"sr":16000}`.'),
    precision: precision.optional().describe('For the cell made from a file: the same as `precision` in a JSON body.'),
    class_name: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('For a layer whose class is custom or not in the file: the class that computes the same.'),
    'config.chain': chain,
    'config.batch_first': option.describe(
      'JSON. An option that is not in the file. Send any other option of the config as `config.<name>` too. Dots lead into the config of an inner layer: `config.layer.activation`.',
    ),
    'config.activation': option.describe('JSON: `"relu"`.'),
    'config.return_sequences': option.describe('JSON: `true`.'),
    'config.go_backwards': option.describe('JSON: `true`.'),
    'config.merge_mode': option.describe('JSON: `"sum"`.'),
  })
  .catchall(z.string())
  .superRefine((query, context) => {
    const { shape } = createCellQuery;
    const keys = Object.keys(query).filter((key) => !Object.hasOwn(shape, key) && !OPTION_NAME.test(key));
    if (keys.length > 0) context.addIssue({ code: 'unrecognized_keys', keys, input: query });
  });

export const putWeightsQuery = z.strictObject({ layer, 'config.chain': chain });
