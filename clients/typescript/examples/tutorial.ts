import { Cellstep } from '../src/index.ts';

const cellstep = new Cellstep({ url: process.env.CELLSTEP ?? 'http://127.0.0.1:8080', key: process.env.CELLSTEP_KEY });
const ones = { units: 1, activation: null, kernel_initializer: 'ones', recurrent_initializer: 'ones' };
const three = { class_name: 'Constant', config: { value: 3 } };
const cell = await cellstep.cells.create({ class_name: 'SimpleRNNCell', config: { ...ones, bias_initializer: three } });
const { output, states } = await cell.step([[2]], [[[1]]]);
console.log('2·1 + 1·1 + 3 =', output.item());
const next = { ...ones, recurrent_initializer: three, bias_initializer: 'ones' };
const cell2 = await cellstep.cells.create({ class_name: 'SimpleRNNCell', config: next });
console.log('3·1 + 6·3 + 1 =', (await cell2.step([[3]], states)).output.item());
console.log('tanh =', (await cellstep.op('tanh', [Number.NEGATIVE_INFINITY, 6, Number.POSITIVE_INFINITY])).toNested());

// A session keeps its hidden state in the service. Each step happens once, however often it had to be sent.
const session = await cell.openSession();
for (const x of [2, 3]) console.log('step', x, '→', (await session.step([[x]])).output.item());
await session.close();
