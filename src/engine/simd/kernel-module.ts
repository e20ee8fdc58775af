import { readFileSync } from 'node:fs';

/** Addresses, strides and sizes are in bytes. Each kernel is described in src/engine/simd/kernels. */
export interface KernelSet {
  product(
    matrix: number,
    inner: number,
    panels: number,
    x: number,
    xStride: number,
    init: number,
    initStride: number,
    out: number,
    outStride: number,
    rows: number,
    fours: number,
  ): void;
  outer(
    x: number,
    xStride: number,
    inner: number,
    d: number,
    dStride: number,
    lines: number,
    out: number,
    outStride: number,
    rows: number,
  ): void;
  scaleRows(x: number, mean: number, scale: number, shift: number, bytes: number, rows: number): void;
  normalizeRows(
    mode: number,
    x: number,
    scale: number,
    shift: number,
    n: number,
    bytes: number,
    epsilon: number,
    rows: number,
  ): void;
  activate(spec: number, from: number, to: number, bytes: number): void;
  simpleRnn(cell: number, z: number, zStride: number, h: number, hStride: number, rows: number): void;
  lstm(
    cell: number,
    z: number,
    zStride: number,
    a: number,
    aStride: number,
    c: number,
    nextC: number,
    cStride: number,
    h: number,
    hStride: number,
    rows: number,
  ): void;
  gruGates(
    cell: number,
    z: number,
    s: number,
    zStride: number,
    sStride: number,
    a: number,
    aStride: number,
    h: number,
    hStride: number,
    reset: number,
    rows: number,
  ): void;
  gruCandidate(
    cell: number,
    z: number,
    s: number,
    zStride: number,
    sStride: number,
    a: number,
    aStride: number,
    h: number,
    nextH: number,
    hStride: number,
    resetAfter: number,
    rows: number,
  ): void;
}

export interface KernelModule {
  readonly float32: KernelSet;
  readonly float64: KernelSet;
  /** Rounds float64 values in place. */
  roundToFloat32(at: number, bytes: number): void;
}

/** The kernels over a shared memory, whose first page is theirs. `relaxed`: with fused multiply-adds of float32. */
export function loadKernels(memory: WebAssembly.Memory, relaxed: boolean): KernelModule {
  const load = (name: string) => {
    const file = new URL(`./kernels/${name}.wasm`, import.meta.url);
    return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { env: { memory } }).exports;
  };
  const float64 = load('float64') as unknown as KernelModule['float64'] & Pick<KernelModule, 'roundToFloat32'>;
  return {
    float32: load(relaxed ? 'float32-relaxed' : 'float32') as unknown as KernelSet,
    float64,
    roundToFloat32: float64.roundToFloat32,
  };
}
