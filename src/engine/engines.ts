import type { Precision } from '../domain/ports.ts';
import type { Engine } from './engine.ts';
import { referenceEngine } from './reference.ts';

/** What computes each precision, on the thread that calls. */
export const ENGINES: Readonly<Record<Precision, Engine>> = { fast: referenceEngine, exact: referenceEngine };
