/** The thread that reads ONNX files, one after another: how long that takes is up to whoever made the file. */
import { Problem } from '../../domain/problems.ts';
import { answerParent } from '../../threads/own-thread.ts';
import { invalidFile } from '../bounds.ts';
import type { OnnxTask } from './onnx.ts';
import { ONNX_TASKS } from './tasks.ts';

function carryOut({ task, input }: OnnxTask): unknown {
  try {
    const result = ONNX_TASKS[task](input);
    // A small one may lie in memory that it shares.
    return result instanceof Uint8Array && result.length < result.buffer.byteLength ? new Uint8Array(result) : result;
  } catch (error) {
    throw error instanceof Problem ? error : invalidFile('ONNX', `${error}.`);
  }
}

answerParent(carryOut);
