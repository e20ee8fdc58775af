/** torch.nn's names for gates: GRU r, z, n; LSTM i, f, g, o; c is the new cell state on its way to the output. */
const GATES: Readonly<Record<string, string>> = { hh: 'n', c: 'g', new_c: 'c' };

/** `layers.1.backward_layer.hh` → `l1_reverse.n`: a gate under its weights' suffix. */
export function pytorchTraceName(name: string): string {
  const path = name.split('.');
  const gate = path.pop() ?? '';
  const own = GATES[gate] ?? gate;
  const layer = path[0] === 'layers' ? path[1] : '0';
  const side = path.at(-1);
  if (side === 'forward_layer') return `l${layer}.${own}`;
  if (side === 'backward_layer') return `l${layer}_reverse.${own}`;
  return [...path, own].join('.');
}
