/** The names of the operators' equations: z, r, h of GRU; i, o, f, c of LSTM, and C the new cell state (docs/Operators.md). */
const GATES: Readonly<Record<string, string>> = { hh: 'h', new_c: 'C' };
const SIDES: Readonly<Record<string, string>> = { forward_layer: 'forward', backward_layer: 'reverse' };

/** `backward_layer.hh` → `reverse.h`. */
export function onnxTraceName(name: string): string {
  const path = name.split('.');
  const gate = path.pop() ?? '';
  return [...path.map((side) => SIDES[side] ?? side), GATES[gate] ?? gate].join('.');
}
