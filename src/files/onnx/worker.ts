/** The thread that reads ONNX files, one after another: how long that takes is up to whoever made the file. */
import { parentPort } from 'node:worker_threads';
import { Problem } from '../../domain/problems.ts';
import { Tensor } from '../../domain/tensor.ts';
import { giveWay } from '../../threads/give-way.ts';
import { invalidFile } from '../bounds.ts';
import type { OnnxReply, OnnxRequest } from './onnx.ts';
import { ONNX_TASKS } from './tasks.ts';

function replyTo({ task, input }: OnnxRequest): OnnxReply {
  try {
    const result = ONNX_TASKS[task](input);
    // A small one may lie in memory that it shares.
    return {
      result:
        result instanceof Uint8Array && result.length < result.buffer.byteLength ? new Uint8Array(result) : result,
    };
  } catch (error) {
    const { code, message } = error instanceof Problem ? error : invalidFile('ONNX', `${error}.`);
    return { problem: code, detail: message };
  }
}

/** The memory of the tensors of a result, or of the file that it is, which is moved. */
function memoryOf(result: unknown): ArrayBuffer[] {
  if (result instanceof Uint8Array) return [result.buffer as ArrayBuffer];
  if (result instanceof Tensor) return [result.data.buffer as ArrayBuffer];
  if (result instanceof Map || Array.isArray(result)) return [...result.values()].flatMap(memoryOf);
  return typeof result === 'object' && result !== null ? Object.values(result).flatMap(memoryOf) : [];
}

giveWay();
parentPort?.on('message', (request: OnnxRequest) => {
  const reply = replyTo(request);
  parentPort?.postMessage(reply, [...new Set(memoryOf(reply))]);
});
