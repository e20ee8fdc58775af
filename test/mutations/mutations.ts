/** A fault that is put into one file, and the tests that have to fail then. */
export interface Mutation {
  readonly file: string;
  /** Occurs once in the file. */
  readonly text: string;
  readonly mutant: string;
  readonly tests: readonly string[];
}

const REFERENCE = ['test/engine/reference.test.ts'];
const GRADIENTS = ['test/engine/gradients/gradients.property.test.ts', 'test/engine/gradients/gradients.test.ts'];
const MASKED = ['test/engine/masked-runs.test.ts', 'test/engine/simd/simd.property.test.ts'];
const NETWORKS = ['test/properties/paths/networks.test.ts'];
const LAYERS = ['test/cells/layers/layer-gradients.test.ts', 'test/golden/network-layers.test.ts'];
const STEPS = ['test/routes/network-steps.test.ts'];
const TRAINING = ['test/properties/paths/edges.test.ts', 'test/engine/training.property.test.ts'];
const DROPOUT = ['test/cells/random/dropout.test.ts', 'test/engine/dropout.test.ts'];
const KERNELS = ['test/engine/simd/simd.property.test.ts', 'test/properties/paths/edges.test.ts'];
const ODD_FILES = ['test/golden/odd-files.test.ts'];
const MASKS_OF_GRAPHS = ['test/golden/masked-files.test.ts', 'test/routes/networks.test.ts'];
const BATCHER = ['test/engine/batcher.test.ts'];

function of(file: string, tests: readonly string[], ...changes: readonly (readonly [string, string])[]): Mutation[] {
  return changes.map(([text, mutant]) => ({ file: `src/${file}`, text, mutant, tests }));
}

export const MUTATIONS: readonly Mutation[] = [
  ...of(
    'cells/simple-rnn.ts',
    REFERENCE,
    ['if (b) sum.set(b);', 'if (b) sum.fill(0);'],
    ['addGateProducts(sum, { vector: h, matrix: U, gates: 1, units, masks: masks?.recurrent });', ''],
  ),
  ...of(
    'cells/gru.ts',
    REFERENCE,
    ['z[u] * h[u] + (1 - z[u]) * hh[u]', '(1 - z[u]) * h[u] + z[u] * hh[u]'],
    ['s(rBefore, r);', 's(zBefore, r);'],
    ['if (recurrentB) recurrent.all.set(recurrentB);', 'if (recurrentB) recurrent.all.fill(0);'],
    ['hhBefore[u] += r[u] * hhRecurrent[u]', 'hhBefore[u] += hhRecurrent[u]'],
    ['resetH[u] = r[u] * h[u]', 'resetH[u] = h[u]'],
    ['const gates = resetAfter ? 3 : 2;', 'const gates = 3;'],
  ),
  ...of(
    'cells/lstm.ts',
    [...REFERENCE, 'test/golden/onnx.test.ts'],
    ['const [iBefore, fBefore, gBefore, oBefore] =', 'const [fBefore, iBefore, gBefore, oBefore] ='],
    ['nextC[u] = f[u] * c[u] + i[u] * g[u]', 'nextC[u] = i[u] * c[u] + f[u] * g[u]'],
    ['iBefore[u] += peepholes[u] * c[u]', 'iBefore[u] += peepholes[units + u] * c[u]'],
    ['oBefore[u] += peepholes[2 * units + u] * nextC[u]', 'oBefore[u] += peepholes[2 * units + u] * c[u]'],
    ['f[u] = 1 - i[u]', 'f[u] = i[u]'],
    ['aOut(nextC, outC)', 'a(nextC, outC)'],
    ['nextH.fill(0);', ''],
  ),
  ...of(
    'cells/gru-gradient.ts',
    GRADIENTS,
    ['const dh = dNext.map((d, u) => d * z[u]);', 'const dh = dNext.map((d) => d);'],
    ['d * (h[u] - hh[u])', 'd * (hh[u] - h[u])'],
    ['dq[u] = r[u] * dph[u]', 'dq[u] = dph[u]'],
    ['rGradient[u] = dph[u] * q[u]', 'rGradient[u] = dph[u]'],
    ['dbRecurrent.set(dpr, units);', ''],
  ),
  ...of(
    'cells/lstm-gradient.ts',
    GRADIENTS,
    ['inputForget ? g[u] - c[u] : g[u]', 'g[u]'],
    ['const oGradient = dy.map((d, u) => d * outC[u]);', 'const oGradient = dy.map((d, u) => d * nextC[u]);'],
    ['sums.peepholes[2 * units + u] += dpo[u] * nextC[u];', 'sums.peepholes[2 * units + u] += dpo[u] * c[u];'],
    ['return { inputs: dx, states: [dh, dOldC] };', 'return { inputs: dx, states: [dh, dc] };'],
  ),
  ...of(
    'cells/layers/merge.ts',
    STEPS,
    ["return live.length > 0 || mode === 'multiply' ? live : [0];", 'return all;'],
    [
      "const MASKED: readonly NetworkMerge[] = ['multiply', 'maximum', 'minimum'];",
      'const MASKED: readonly NetworkMerge[] = [];',
    ],
  ),
  ...of(
    'cells/layers/merge-gradient.ts',
    LAYERS,
    ['subtract: (_, n) => (n === 0 ? 1 : -1),', 'subtract: () => 1,'],
    ['average: (values) => 1 / values.length,', 'average: () => 1,'],
  ),
  ...of('cells/layers/dense-gradient.ts', LAYERS, ['addTo(sums.bias, own);', '']),
  ...of(
    'cells/layers/global-pooling1d.ts',
    LAYERS,
    ['y.map((sum) => sum / live)', 'y.map((sum) => sum / time)'],
    ['Math.max(y[i % width], x[i])', 'Math.min(y[i % width], x[i])'],
  ),
  ...of('cells/layers/pooling1d.ts', LAYERS, ['return sum / (to - from);', 'return sum / params.size;']),
  ...of('cells/layers/conv1d.ts', LAYERS, [
    'const from = tap * features + group * seen;',
    'const from = tap * features;',
  ]),
  ...of(
    'cells/random/dropout.ts',
    DROPOUT,
    [
      "const perGate = program.kind !== 'simple_rnn' && recurrent > 0;",
      "const perGate = program.kind !== 'simple_rnn';",
    ],
    [
      'drawMask(rate, batch * width, program.computeDtype, seed, draws++)',
      'drawMask(rate, batch * width, program.computeDtype, seed, draws)',
    ],
    ['mask.subarray(n * width, (n + 1) * width)', 'mask.subarray(0, width)'],
    ['if (last?.batch !== batch || last.seed !== seed) {', 'if (last?.batch !== batch) {'],
  ),
  ...of(
    'domain/network-steps.ts',
    [...STEPS, 'test/golden/network-layers.test.ts'],
    ['Math.floor((time - size) / stride) + 1', 'Math.floor((time - size) / stride)'],
    ['return layer.params.before + time + layer.params.after;', 'return layer.params.before + time;'],
    ['return given.reduce((sum, steps) => sum + steps, 0);', 'return time;'],
  ),
  ...of(
    'engine/run.ts',
    [...REFERENCE, ...MASKED],
    ['const t = goBackwards ? time - 1 - k : k;', 'const t = k;'],
    ['const at = timeOrder ? time - 1 - k : k;', 'const at = k;'],
    ['mixed.set(held.subarray(row * width, (row + 1) * width), row * width);', ''],
    [
      'let last = previous ?? (allocate(dtype, batch * width) as FloatArray);',
      'let last = allocate(dtype, batch * width) as FloatArray;',
    ],
  ),
  ...of(
    'engine/simd/kernel-run.ts',
    MASKED,
    ['if (request.mask) h = keepApart(run, h, rows);', ''],
    ['if (request.mask) holdStates(run, rows, timeOf(run, start + k), { h, nextH, c, nextC });', ''],
    ['[c, nextC] = [nextC, c];', ''],
    ["if (cell.kind === 'lstm') keep(states.c, states.nextC, cell.width, row);", ''],
    ['return direction.goBackwards ? request.time - 1 - k : k;', 'return k;'],
    ['const count = Math.min(place.rows, batch - first);', 'const count = Math.min(place.rows, batch);'],
    ['const steps = Math.min(ahead, request.time - start);', 'const steps = ahead;'],
    ["const round = cell.arithmetic === 'float64' && cell.computeDtype === 'float32';", 'const round = false;'],
    ['if (mask) last.set(output(row, at), (first + row) * stateWidth);', ''],
  ),
  ...of(
    'engine/bidirectional.ts',
    [...REFERENCE, 'test/properties/bidirectional.test.ts'],
    ['states: request.states.slice(count),', 'states: request.states.slice(0, count),'],
    ['ave: (a, b) => (a + b) / 2,', 'ave: (a, b) => a + b,'],
    ['timeOrder: true }', 'timeOrder: false }'],
  ),
  ...of('engine/gradients/bidirectional.ts', GRADIENTS, [
    'return { outputs: [times(a, b)], pull: ([d]) => [times(d, b), times(d, a)] };',
    'return { outputs: [times(a, b)], pull: ([d]) => [times(d, a), times(d, b)] };',
  ]),
  ...of(
    'engine/gradients/run.ts',
    GRADIENTS,
    ['repeated = step || context.zeroOutputForMask ? zeros : gradient;', 'repeated = zeros;'],
    ['gradient = back.inputs;', ''],
  ),
  ...of(
    'engine/networks/windows.ts',
    [...STEPS, ...NETWORKS],
    [
      'return { before: total >> 1, after: total - (total >> 1), count };',
      'return { before: total - (total >> 1), after: total >> 1, count };',
    ],
    ['const t = time - back + k;', 'const t = time - back + k - 1;'],
  ),
  ...of('engine/simd/kernel-layer.ts', NETWORKS, [
    'const rows = Math.min(most, count - first);',
    'const rows = Math.min(most, count) - 1;',
  ]),
  ...of(
    'engine/networks/network-node.ts',
    [...STEPS, ...NETWORKS],
    [
      "const carries = mask && sequence.kind === 'run' && !sequence.goBackwards;",
      "const carries = mask && sequence.kind === 'run';",
    ],
  ),
  ...of(
    'engine/batcher.ts',
    BATCHER,
    ['(count === 0 || rows + waiting[count].request.rows <= maxRows)', 'true'],
    ['from = to;', ''],
  ),
  ...of(
    'engine/training/pull-gates.ts',
    TRAINING,
    ['dC[row * w + u] = dc * f;', 'dC[row * w + u] = dc;'],
    ['direct[row * hs + u] = d * z;', 'direct[row * hs + u] = d;'],
  ),
  ...of('engine/training/bidirectional-part.ts', TRAINING, [
    'pull: ([d]) => [half(d), half(d)] };',
    'pull: ([d]) => [d, d] };',
  ]),
  ...of(
    'files/safetensors/safetensors.ts',
    ['test/files/safetensors.test.ts'],
    ['part.begin = length;', 'part.begin = 0;'],
    [
      'const padded = Math.ceil(Buffer.byteLength(header) / ALIGNMENT) * ALIGNMENT;',
      'const padded = Buffer.byteLength(header);',
    ],
  ),
  ...of(
    'files/safetensors/header.ts',
    ['test/files/safetensors.test.ts'],
    ['if (begin > covered)', 'if (false)'],
    ['if (covered !== length)', 'if (false)'],
    ['if (end - begin !== needed) {', 'if (false) {'],
  ),
  ...of(
    'files/elements.ts',
    ['test/files/safetensors.test.ts', 'test/files/hdf5.test.ts', 'test/files/npz.test.ts'],
    ['if (fraction === 0) return sign;', 'if (fraction === 0) return 0;'],
    ['if (littleEndian !== HOST_IS_LITTLE_ENDIAN && width > 1) {', 'if (false) {'],
    ['(bits) => bits << 16', '(bits) => bits << 15'],
  ),
  ...of(
    'files/hdf5/reader.ts',
    ['test/files/hdf5.test.ts'],
    ["{signed ? 'i' : 'u'}", "{signed ? 'u' : 'i'}"],
    ['decoder.decode(end < 0 ? text : text.subarray(0, end))', 'decoder.decode(text)'],
    ['if (metadata.type !== STRING && size > 0) continue;', 'if (metadata.type !== STRING) continue;'],
  ),
  ...of(
    'files/numpy/npy.ts',
    ['test/files/npz.test.ts'],
    ['fortranOrder ? yield* toRowMajor(data, extents) : data', 'data'],
    ["littleEndian: endian !== '>',", 'littleEndian: true,'],
  ),
  ...of(
    'files/pytorch/pickle.ts',
    ['test/files/pytorch.test.ts', 'test/golden/pytorch-modules.test.ts'],
    ['Array.from({ length: count }, () => this.pop()).reverse()', 'Array.from({ length: count }, () => this.pop())'],
    ['this.stack.lastIndexOf(MARK)', 'this.stack.indexOf(MARK)'],
    ['(value, byte) => value * 256 + byte, 0)', '(value, byte) => value + byte, 0)'],
  ),
  ...of(
    'files/pytorch/state-dict.ts',
    ['test/files/pytorch.test.ts'],
    ['if (isContiguous) return', 'if (true) return'],
    ['bytes.subarray(offset * width, (offset + size) * width)', 'bytes.subarray(0, size * width)'],
    ['from -= place[axis] * strides[axis];', ''],
  ),
  ...of(
    'files/onnx/fold.ts',
    ['test/files/onnx-fold.test.ts', 'test/golden/odd-files.test.ts'],
    ['offset += from * strides[axis];', ''],
    ['strides: perm.map((axis) => strides[axis]),', 'strides,'],
    ['data[at++] = part.data[row * length + k]', 'data[at++] = part.data[k]'],
  ),
  ...of(
    'files/onnx/tensor.ts',
    ['test/files/onnx.test.ts', 'test/golden/odd-files.test.ts'],
    ['return file.subarray(begin, begin + size);', 'return file.subarray(0, size);'],
  ),
  ...of(
    'frameworks/gate-blocks.ts',
    ['test/frameworks/gate-blocks.test.ts', 'test/golden/pytorch.test.ts', 'test/golden/onnx.test.ts'],
    ["gru: ['r', 'z', 'h'],", "gru: ['z', 'r', 'h'],"],
    ["lstm: ['i', 'o', 'f', 'c'],", "lstm: ['i', 'f', 'o', 'c'],"],
    ["export const ONNX_PEEPHOLE_GATES = ['i', 'o', 'f'];", "export const ONNX_PEEPHOLE_GATES = ['i', 'f', 'o'];"],
  ),
  ...of(
    'files/keras/model.ts',
    ['test/files/keras.test.ts', 'test/golden/weight-files.test.ts'],
    ['used.set(stem, count + 1);', 'used.set(stem, 1);'],
    ["[name.startsWith('backward_layer.') ? 1 : 0, ", '['],
  ),
  ...of(
    'files/keras/weights-reader.ts',
    ['test/files/keras.test.ts', 'test/golden/weight-files.test.ts'],
    ['oneClass ? groups.toSorted((a, b) => place(a) - place(b)) : groups', 'groups'],
  ),
  ...of('files/keras/legacy-reader.ts', ODD_FILES, [
    'return cells.toSorted((a, b) => place(a) - place(b));',
    'return cells;',
  ]),
  ...of(
    'files/keras/legacy-writer.ts',
    ['test/files/keras.test.ts', 'test/golden/odd-files.test.ts'],
    ['entries: [...entries.filter(({ frozen }) => !frozen), ...entries.filter(({ frozen }) => frozen)]', 'entries'],
  ),
  ...of(
    'frameworks/keras/networks/mask-terms.ts',
    MASKS_OF_GRAPHS,
    ['this.differing(input, rule.value)', 'this.differing(input, 0)'],
    ["if (input.mask === undefined) return this.of('OnesLike', tensor);", ''],
  ),
  ...of('frameworks/keras/networks/mask-nodes.ts', MASKS_OF_GRAPHS, [
    'if (term !== undefined && term === input?.mask) return;',
    'return;',
  ]),
  ...of('frameworks/keras/networks/operators.ts', MASKS_OF_GRAPHS, [
    'return args.length === 2 && args.every((one) => tensorOf(one) !== undefined);',
    'return false;',
  ]),
  ...of(
    'engine/simd/kernels/product.ts',
    KERNELS,
    ['if (p > 0) panelOfRow(matrix, size, x, init, out);', ''],
    ['if (r > 0) panelOfRow(block, size, x, init, out);', ''],
    ['fromStride = outStride;', ''],
    ['foursBlock += (bytes / LINE) * 4 * sizeof<Real>();', 'foursBlock += (bytes / LINE) * 3 * sizeof<Real>();'],
  ),
  ...of('engine/simd/kernels/panels.ts', KERNELS, ['const stop = min(a + chunk, end);', 'const stop = a + chunk;']),
  ...of(
    'engine/simd/kernels/activate.ts',
    KERNELS,
    ['if (from < end) v128.store(to, sigmoid(v128.load(from)));', ''],
    ['if (from < end) v128.store(to, tanh(v128.load(from)));', ''],
  ),
  ...of(
    'engine/simd/kernels/outer.ts',
    [...KERNELS, ...TRAINING],
    ['for (; k > 0; k--) {', 'for (; k > 1; k--) {'],
    ['const count = min(rows, ROWS);', 'const count = ROWS;'],
  ),
  ...of(
    'engine/simd/kernels/normalize.ts',
    ['test/engine/networks.property.test.ts', 'test/golden/network-layers.test.ts'],
    ['memory.fill(x + <usize>n * sizeof<Real>(), 0, bytes - <usize>n * sizeof<Real>());', ''],
  ),
];
