import type { Attack } from '../attack.ts';
import { BODIES } from './bodies.ts';
import { CONNECTIONS } from './connections.ts';
import { FILES_OF_WEIGHTS } from './files.ts';
import { MOST } from './most.ts';
import { ONNX_FILES } from './onnx.ts';
import { REPLIES } from './replies.ts';
import { STREAMS } from './streams.ts';
import { THINGS } from './things.ts';
import { WORK } from './work.ts';

export const ATTACKS: readonly Attack[] = [
  ...THINGS,
  ...BODIES,
  ...REPLIES,
  ...CONNECTIONS,
  ...STREAMS,
  ...WORK,
  ...FILES_OF_WEIGHTS,
  ...ONNX_FILES,
  ...MOST,
];
