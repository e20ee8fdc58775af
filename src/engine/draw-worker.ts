/** The thread of one large draw: the tensor's elements, and it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { initialize } from '../cells/random/initializers.ts';
import type { Draw } from './draw.ts';

const { spec, shape, dtype } = workerData as Draw;
const { data } = initialize(spec, shape, dtype);
parentPort?.postMessage(data, [data.buffer as ArrayBuffer]);
