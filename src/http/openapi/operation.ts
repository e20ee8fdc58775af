import type { Json } from '../../domain/json.ts';
import type { ProblemCode } from '../../domain/problems.ts';
import type { Access } from '../callers/auth.ts';
import type { Deprecation } from '../deprecations.ts';

/** Groups of operations, in the order in which a newcomer reads them. */
export const TAGS = {
  Cells: 'Recurrent cells: their configuration, their weights, and steps whose state the client carries.',
  Training: 'Train cells with losses and optimizers of Keras, and read the state of an optimizer.',
  Variables:
    'Tensors that can be assigned: the variables of a cell, and stand-alone ones like tf.Variable or keras.Variable.',
  Ops: 'Activations and arithmetic on tensors. Nothing is stored.',
  Sessions: 'Hidden states that the service keeps between steps, durably.',
  Checkpoints: 'Snapshots of cells, variables and sessions, to restore later or to take elsewhere as a file.',
  Service: 'Probes, this document, and pages about problems.',
} as const;

/** A request that runs as it stands, once the examples that create things (cell, v, s, ckpt) have run. */
export interface Example {
  readonly summary: string;
  /** Path parameters, if they differ from the first example of the parameter. */
  readonly path?: Readonly<Record<string, string>>;
  /** The request body, if the operation has one. */
  readonly body?: Json;
  /** The reply, if it is always the same except for times. */
  readonly reply?: Json;
}

/** A next operation whose parameters come from the reply or the request. */
interface Link {
  readonly operationId: string;
  readonly description: string;
  /** Runtime expressions by parameter. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The documentation of an operation. Its shapes are next to the route. */
export interface Operation {
  readonly tags: readonly [keyof typeof TAGS];
  readonly summary: string;
  readonly description: string;
  /** By name. Swagger UI sends the first one by default. */
  readonly examples: Readonly<Record<string, Example>>;
  /** Its problems, except those that follow from its parameters, headers and body. */
  readonly problems?: readonly ProblemCode[];
  readonly links?: Readonly<Record<string, Link>>;
  /** The scope that a key or token needs, or `open` if none is needed. */
  readonly access: Access;
  /** Changes nothing that is stored although its method is POST, except that a first step builds its cell. */
  readonly pure?: true;
  /** Clients should leave it; docs/compatibility.md says how that goes. */
  readonly deprecation?: Deprecation;
}
