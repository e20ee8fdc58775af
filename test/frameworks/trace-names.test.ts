import { describe, expect, it } from 'vitest';
import { onnxTraceName } from '../../src/frameworks/onnx/trace-names.ts';
import { pytorchTraceName } from '../../src/frameworks/pytorch/trace-names.ts';
import { sharedApp } from '../support/serve.ts';

const served = sharedApp();

describe('names of traced gates', () => {
  it.each([
    ['hh', 'n'],
    ['c', 'g'],
    ['new_c', 'c'],
    ['z', 'z'],
    ['l1.hh', 'l1.n'],
    ['forward_layer.i', 'l0.i'],
    ['backward_layer.i', 'l0_reverse.i'],
    ['layers.2.backward_layer.c', 'l2_reverse.g'],
  ])('%s is %s in PyTorch', (canonical, own) => {
    expect(pytorchTraceName(canonical)).toBe(own);
  });

  it.each([
    ['hh', 'h'],
    ['new_c', 'C'],
    ['o', 'o'],
    ['backward_layer.hh', 'reverse.h'],
  ])('%s is %s in ONNX', (canonical, own) => {
    expect(onnxTraceName(canonical)).toBe(own);
  });

  it.each([
    ['keras', 'GRUCell', { units: 2 }, ['z', 'r', 'hh']],
    ['keras', 'LSTM', { units: 2 }, ['i', 'f', 'c', 'o', 'new_c']],
    ['pytorch', 'GRUCell', { input_size: 1, hidden_size: 2 }, ['z', 'r', 'n']],
    ['pytorch', 'LSTMCell', { input_size: 1, hidden_size: 2 }, ['i', 'f', 'g', 'o', 'c']],
    ['onnx', 'LSTM', { hidden_size: 2 }, ['i', 'f', 'c', 'o', 'C']],
  ])('come with a step of %s %s', async (framework, class_name, config, gates) => {
    const { app } = served;
    await app.inject({ method: 'POST', url: '/v1/cells', payload: { id: 'c', framework, class_name, config } });
    const payload = { inputs: [[1]], trace: true };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/c/steps', payload });
    expect(Object.keys(reply.json().trace)).toEqual(gates);
  });
});
