import type { AnyLayer } from '../../domain/layers.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { kernelActivation } from './kernel-activations.ts';
import { packPanels } from './pack-panels.ts';

/** Bytes of a cache line, which a row of a packed panel fills. */
const LINE = 64;

/**
 * How the weights of a layer that is one product lie in memory: a Dense, or a convolution over its window. One block: the
 * activation's header, the bias, the kernel in panels (kernels/product.ts). Offsets and sizes are in bytes.
 */
export interface PackedLayer {
  readonly arithmetic: 'float32' | 'float64';
  /** Numbers of a row of the inputs, and of the output. */
  readonly inner: number;
  readonly columns: number;
  readonly panels: number;
  readonly bias: number;
  readonly kernel: number;
  readonly bytes: number;
}

/** Whether the layer is one product. */
export function isProduct(layer: AnyLayer): boolean {
  return layer.kind === 'dense' || (layer.kind === 'conv1d' && layer.params.groups === 1);
}

export function layoutOfLayer(
  { arrays, rowWidth: columns }: AnyLayer,
  arithmetic: PackedLayer['arithmetic'],
): PackedLayer {
  const lanes = arithmetic === 'float32' ? 16 : 8;
  const inner = arrays.kernel.length / columns;
  const panels = Math.ceil(columns / lanes);
  const kernel = LINE + panels * LINE;
  return { arithmetic, inner, columns, panels, bias: LINE, kernel, bytes: kernel + inner * panels * LINE };
}

/** Writes the block of a layer at an address that has room for it, in slices: packPanels. */
export function* writeLayer(
  { arrays, activation }: AnyLayer,
  layer: PackedLayer,
  address: number,
  memory: WebAssembly.Memory,
): Generator<void, void> {
  const { arithmetic, inner, columns, panels } = layer;
  const numbers = (offset: number, count: number): FloatArray =>
    arithmetic === 'float32'
      ? new Float32Array(memory.buffer, address + offset, count)
      : new Float64Array(memory.buffer, address + offset, count);
  const lanes = arithmetic === 'float32' ? 16 : 8;
  new Uint8Array(memory.buffer, address, layer.kernel).fill(0);
  const spec = activation && kernelActivation(activation);
  if (spec) {
    const header = new DataView(memory.buffer, address, LINE);
    header.setInt32(0, spec.code, true);
    header.setFloat64(8, spec.alpha, true);
    header.setFloat64(16, spec.beta, true);
  }
  if (arrays.bias) numbers(layer.bias, columns).set(arrays.bias);
  const sources = Int32Array.from({ length: columns }, (_, k) => k);
  const matrix = { values: arrays.kernel, inner, columns, sources, lanes };
  yield* packPanels(numbers(layer.kernel, inner * panels * lanes), matrix);
}
