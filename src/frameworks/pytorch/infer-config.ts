import type { JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, type Shape } from '../../domain/tensor.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** By the number of gates: rows of weight_hh over hidden_size. */
const BY_GATES: ReadonlyMap<number, string> = new Map([
  [1, 'RNN'],
  [3, 'GRU'],
  [4, 'LSTM'],
]);

/**
 * The module of torch.nn and its arguments from the names and shapes of a state_dict. `nonlinearity` is tanh.
 * @throws {Problem} invalid-file
 */
export function inferPytorch(shapes: Shapes, dtype?: Dtype): { className: string; config: JsonObject } {
  const layered = [...shapes.keys()].some((name) => /_l\d+(?:_reverse)?$/.test(name));
  const suffix = layered ? '_l0' : '';
  const [ih, hh] = ['weight_ih', 'weight_hh'].map((name): Shape => {
    const shape = shapes.get(`${name}${suffix}`);
    if (!shape)
      throw new Problem(
        'invalid-file',
        `The weights in the file do not fit a module of PyTorch: it has no '${name}${suffix}'.`,
      );
    return shape;
  });
  const hr = shapes.get(`weight_hr${suffix}`);
  const [rows, width] = hh;
  const hidden = hr ? hr[1] : width;
  const gates = ih.length === 2 && hh.length === 2 && (hr === undefined || hr.length === 2) ? rows / hidden : 0;
  const kind = BY_GATES.get(gates);
  if (kind === undefined || ih[0] !== rows || (hr && kind !== 'LSTM')) {
    const sent = `'weight_ih${suffix}' has shape ${formatShape(ih)} and 'weight_hh${suffix}' ${formatShape(hh)}`;
    const expected = '[n·hidden, input] and [n·hidden, hidden], with n 1 (RNN), 3 (GRU), 4 (LSTM)';
    throw new Problem(
      'invalid-file',
      `The weights in the file do not fit a module of PyTorch: ${sent}; a module has ${expected}.`,
    );
  }
  const common: JsonObject = {
    input_size: ih[1],
    hidden_size: hidden,
    bias: shapes.has(`bias_ih${suffix}`) || shapes.has(`bias_hh${suffix}`),
    ...(dtype === undefined || dtype === 'float32' ? {} : { dtype: `torch.${dtype}` }),
  };
  if (!layered) return { className: `${kind}Cell`, config: common };
  let layers = 1;
  while (shapes.has(`weight_ih_l${layers}`)) layers += 1;
  const config = {
    ...common,
    num_layers: layers,
    bidirectional: shapes.has('weight_ih_l0_reverse'),
    ...(hr ? { proj_size: hr[0] } : {}),
  };
  return { className: kind, config };
}
