/** The thread of one large draw: the tensor's elements, and it ends. */
import { workerData } from 'node:worker_threads';
import { answerParent } from '../threads/own-thread.ts';
import { type Draw, elementsOf } from './draw.ts';

answerParent(
  () => elementsOf(workerData as Draw),
  ({ buffer }) => [buffer],
);
