/** A thread of large draws: the elements of each tensor. */
import type { TensorData } from '../../domain/tensor.ts';
import { answerParent } from '../../threads/own-thread.ts';
import { type Draw, elementsOf } from './draw.ts';

answerParent<Draw, TensorData>(elementsOf);
