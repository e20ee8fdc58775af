import type fc from 'fast-check';
import type { Python } from './python.ts';
import type { Service } from './service.ts';

/** What a case is checked with. */
export interface Peers {
  readonly service: Service;
  /** Keras on TensorFlow, whose numbers cellstep has. */
  readonly keras: Python;
  /** PyTorch, ONNX Runtime, and Keras on PyTorch, which opens and saves files. */
  readonly torch: Python;
  /** For files. */
  readonly directory: string;
}

/** Cases of one kind, and what must hold of each. */
export interface Suite<T = unknown> {
  readonly arbitrary: fc.Arbitrary<T>;
  /** @throws where cellstep and the library differ */
  check(one: T, peers: Peers): Promise<void>;
}
