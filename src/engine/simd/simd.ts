import type { AnyLayer } from '../../domain/layers.ts';
import type { Runnable, Steppable } from '../../domain/network.ts';
import type { Precision, PreparedCell, PreparedSequence } from '../../domain/ports.ts';
import type { CellProgram, RunProgram } from '../../domain/program.ts';
import { hasDropout } from '../../domain/training.ts';
import { createEngine, type Engine } from '../engine.ts';
import type { PreparedLayer } from '../networks/layer.ts';
import { referenceEngine } from '../reference.ts';
import { prepareStepwiseRun } from '../run.ts';
import { isUniform, prepareStackRun } from '../stack-run.ts';
import { arithmeticOf, cellArithmetic, layerArithmetic } from './kernel-arithmetic.ts';
import { prepareKernelCell } from './kernel-cell.ts';
import { prepareKernelLayer } from './kernel-layer.ts';
import { loadKernels } from './kernel-module.ts';
import { prepareKernelNormalization } from './kernel-normalization.ts';
import { prepareKernelRun } from './kernel-run.ts';
import { prepareLookup } from './lookup.ts';
import { layoutOf, writeBlock } from './packed-cell.ts';
import { isProduct, layoutOfLayer, writeLayer } from './packed-layer.ts';
import { Scratch } from './scratch.ts';
import { newGrowthLog, newSharedMemory, SharedMemory } from './shared-memory.ts';
import { mapParts, type PackedAt, type SharedCell, type SharedLayer, withoutArrays } from './shared-program.ts';
import { createSharing } from './shared-weights.ts';
import { type Resident, WeightPool, type WriteSlices } from './weight-pool.ts';

/** So many weights are packed in a millisecond or so, at once. */
export const FEW_WEIGHTS = 2 ** 18;

export interface SimdOptions {
  /** A shared memory to work in: that of another thread's engines, to read the weights that they packed. */
  readonly memory?: WebAssembly.Memory;
  /** Where this thread notes what it takes of another thread's memory. */
  readonly log?: Uint32Array;
  /** Bytes of packed weights that are kept; 256 MiB where left out. */
  readonly maxPackedBytes?: number;
  /** Fused multiply-adds in float32: faster, and not the same bits on every machine. */
  readonly relaxed?: boolean;
}

/** What a thread needs to make engines over the memory of others. A message takes it as it is. */
export type ThreadOptions = Pick<SimdOptions, 'relaxed'> & Required<Pick<SimdOptions, 'memory' | 'log'>>;

/** Room for the scratch of another thread. */
export interface ThreadRoom {
  readonly options: ThreadOptions;
  /** Takes back what the thread took, once it has ended. */
  end(): void;
}

/**
 * The engines of one thread over kernels in WebAssembly: `fast` computes in float32, `exact` in float64 with the bits of the
 * reference engine; what has no kernel (kernel-arithmetic.ts) the reference engine computes. A row's bits depend neither on
 * its batch nor on whether it is stepped or run. Both pack weights at the first use, once for each program.
 */
export interface SimdEngines extends Readonly<Record<Precision, Engine>> {
  /** Bytes of packed weights now, and of the whole memory. */
  statistics(): { readonly packedBytes: number; readonly memoryBytes: number };
  /**
   * The same program for another thread, whose engines `newThread` describes: structured cloning takes it without a copy of
   * weights. What has kernels is packed, and stays where it is as long as the given program is reachable. Without a precision
   * all weights go along as they are, for gradients.
   */
  share<P extends Steppable | Runnable>(program: P, precision?: Precision): P;
  /** Copies what `share` would copy of it, in slices. */
  shareSlices(program: Steppable | Runnable, precision?: Precision): Generator<void>;
  newThread(): ThreadRoom;
}

/** @throws {RangeError} where the machine has no room for the memory's addresses */
export function createSimdEngines(options: SimdOptions = {}): SimdEngines {
  const { memory: raw = newSharedMemory(), maxPackedBytes = 2 ** 28, relaxed = false } = options;
  const memory = new SharedMemory(raw, options.log);
  const thread = { kernels: loadKernels(raw, relaxed), memory, scratch: new Scratch(memory) };
  const pool = new WeightPool(memory, maxPackedBytes);
  const arrays = createSharing();
  const residents = { fast: new WeakMap<Part, Resident>(), exact: new WeakMap<Part, Resident>() };
  const dropped = new FinalizationRegistry<Resident>((resident) => {
    resident.shared = false;
    pool.drop(resident);
  });

  /** Where the weights of a cell that has kernels are; packs them if they are not there. */
  const packedOf = (program: CellProgram, precision: Precision) => {
    if (isShared(program))
      return { ...program.packed, resident: undefined, block: () => program.packed.address, fill: undefined };
    const arithmetic = arithmeticOf(cellArithmetic(program), precision);
    if (arithmetic === 'reference') return undefined;
    const cell = layoutOf(program, arithmetic);
    const write = (address: number) => writeBlock(program, cell, address, raw);
    return { cell, ...residence(program, precision, cell.bytes, write) };
  };

  /** The same for a layer that is not a cell. */
  const packedLayerOf = (program: AnyLayer, precision: Precision) => {
    if (isSharedLayer(program)) {
      const { layer, address } = program.packed;
      return { layer, resident: undefined, block: () => address, fill: undefined };
    }
    const arithmetic = layerArithmetic(program, precision);
    if (arithmetic === 'reference' || !isProduct(program)) return undefined;
    const layer = layoutOfLayer(program, arithmetic);
    const write = (address: number) => writeLayer(program, layer, address, raw);
    return { layer, ...residence(program, precision, layer.bytes, write) };
  };

  function residence(program: Part, precision: Precision, bytes: number, write: WriteSlices) {
    let resident = residents[precision].get(program);
    if (!resident) {
      resident = pool.newResident();
      residents[precision].set(program, resident);
      dropped.register(program, resident);
    }
    const own = resident;
    return { resident: own, block: () => pool.use(own, bytes, write), fill: () => pool.fill(own, bytes, write) };
  }

  const ready = (precision: Precision) => (parts: readonly Part[]) => {
    const unready = parts.filter((part) => {
      if (weightsOf(part) < FEW_WEIGHTS) return false;
      const resident = residents[precision].get(part);
      return resident?.address === undefined || resident.writing !== undefined;
    });
    const fills = unready
      .map((part) => ('arrays' in part ? packedLayerOf(part, precision) : packedOf(part, precision))?.fill)
      .filter((fill) => fill !== undefined);
    return fills.length === 0 ? undefined : inTurn(fills);
  };

  const prepareCell =
    (precision: Precision) =>
    (program: CellProgram): PreparedCell => {
      const packed = packedOf(program, precision);
      if (!packed) return referenceEngine.prepare(program);
      const { step } = prepareKernelCell(thread, packed.cell, packed.block);
      if (!program.dropout || !hasDropout(program.dropout)) return { step };
      const reference = referenceEngine.prepare(program);
      return {
        step: (inputs, states, batch, options) =>
          options?.training ? reference.step(inputs, states, batch, options) : step(inputs, states, batch, options),
      };
    };

  const prepareRun =
    (precision: Precision) =>
    (program: RunProgram): PreparedSequence | undefined => {
      const { cell, computeDtype } = program;
      if (computeDtype !== 'float32' && computeDtype !== 'float64') return undefined;
      const stepwise = prepareStepwiseRun(program, engines[precision].prepare);
      if (cell.kind === 'stack') {
        if (!isUniform(program, cell)) return undefined;
        const prepareInner = (inner: RunProgram) =>
          prepareRun(precision)(inner) ?? prepareStepwiseRun(inner, engines[precision].prepare);
        const { run } = prepareStackRun(program, cell, prepareInner);
        return { run: (request) => (request.trace || request.training ? stepwise.run(request) : run(request)) };
      }
      const packed = packedOf(cell, precision);
      if (!packed) return undefined;
      const { run } = prepareKernelRun(thread, packed.cell, program, packed.block);
      return {
        run: (request) =>
          request.trace || (request.training && cell.dropout && hasDropout(cell.dropout))
            ? stepwise.run(request)
            : run(request),
      };
    };

  const prepareLayer =
    (precision: Precision) =>
    (layer: AnyLayer): PreparedLayer | undefined => {
      if (layer.kind === 'embedding') return prepareLookup(layer);
      const normalization = precision === 'fast' ? prepareKernelNormalization(thread, layer) : undefined;
      if (normalization) return normalization;
      const packed = packedLayerOf(layer, precision);
      return packed && prepareKernelLayer(thread, layer, packed.layer, packed.block);
    };

  /** What has kernels is packed and stays where it is; `copy` gets each part whose arrays go along. */
  const shareParts = <P extends Steppable | Runnable>(
    program: P,
    precision: Precision | undefined,
    copy: <T extends Part>(part: T) => T,
  ): P =>
    mapParts(program, {
      cell(cell) {
        const packed = precision && packedOf(cell, precision);
        if (!packed?.resident) return copy(cell);
        const at: PackedAt = { cell: packed.cell, address: packed.block() };
        packed.resident.shared = true;
        return { ...(needsArrays(cell) ? copy(cell) : withoutArrays(cell)), packed: at } as SharedCell;
      },
      layer(layer) {
        const packed = precision && packedLayerOf(layer, precision);
        if (!packed?.resident) return copy(layer);
        const at: SharedLayer['packed'] = { layer: packed.layer, address: packed.block() };
        packed.resident.shared = true;
        return { ...layer, arrays: {}, packed: at } as SharedLayer;
      },
    });

  const engines = {
    fast: {
      ...createEngine(prepareCell('fast'), {
        precision: 'fast',
        prepareRun: prepareRun('fast'),
        prepareLayer: prepareLayer('fast'),
        thread,
      }),
      ready: ready('fast'),
    },
    exact: {
      ...createEngine(prepareCell('exact'), {
        precision: 'exact',
        prepareRun: prepareRun('exact'),
        prepareLayer: prepareLayer('exact'),
      }),
      ready: ready('exact'),
    },
  };
  return {
    ...engines,
    statistics: () => ({ packedBytes: pool.bytes, memoryBytes: raw.buffer.byteLength }),
    share: (program, precision) => shareParts(program, precision, arrays.share),
    *shareSlices(program, precision) {
      const copied: Part[] = [];
      shareParts(program, precision, (part) => {
        copied.push(part);
        return part;
      });
      for (const part of copied) yield* arrays.slices(part);
    },
    newThread() {
      const log = newGrowthLog();
      return { options: { memory: raw, log, relaxed }, end: () => memory.adopt(log) };
    },
  };
}

/** Training mode with dropout needs the weights as they are. */
function needsArrays({ dropout }: CellProgram): boolean {
  return dropout !== undefined && hasDropout(dropout);
}

/** A part of a program that has weights. */
type Part = CellProgram | AnyLayer;

/** Numbers that are packed for the kernels, at most. */
function weightsOf(part: Part): number {
  return 'arrays' in part ? (part.arrays.kernel?.length ?? 0) : part.kernel.length + part.recurrentKernel.length;
}

function isSharedLayer(layer: AnyLayer): layer is SharedLayer {
  return 'packed' in layer;
}

function isShared(program: CellProgram): program is SharedCell {
  return 'packed' in program;
}

async function inTurn(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  for (const task of tasks) await task();
}
