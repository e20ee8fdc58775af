import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cellstep, Tensor } from '../../../clients/typescript/src/index.ts';
import { lineForm } from '../../../src/cli/step-lines.ts';
import { startApp, type TestApp } from '../../support/app.ts';

const SUM = {
  class_name: 'SimpleRNNCell',
  config: {
    units: 1,
    activation: 'linear',
    use_bias: false,
    kernel_initializer: 'ones',
    recurrent_initializer: 'ones',
  },
} as const;

let app: TestApp;
let url: string;
const directory = mkdtempSync(join(tmpdir(), 'cellstep-cli-'));

beforeAll(async () => {
  app = await startApp();
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

/** Runs the command, which calls the service of this test. */
async function cellstep(words: readonly string[], input = '') {
  const env = { PATH: process.env.PATH, CELLSTEP_URL: url };
  const child = spawn(process.execPath, ['bin/cellstep.cjs', ...words], { env });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describe('the command line', () => {
  it('says what it can do, and which version it is', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await cellstep(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const { stdout } = await cellstep(['--help']);
    for (const name of ['serve', 'import', 'export', 'step', 'stream', 'backup', 'keys'])
      expect(stdout).toContain(`  ${name} `);
    expect((await cellstep(['import', '--help'])).stdout).toMatch(/^usage: cellstep import FILE/);
    expect((await cellstep(['completion', 'bash'])).stdout).toContain('complete -F _cellstep cellstep');
  });

  it.each([
    [['dance'], /^cellstep: Unknown command 'dance'\./],
    [['import'], /^cellstep import: Send one FILE; 0 came\.\nusage: cellstep import FILE/],
    [['import', 'a.txt'], /^cellstep import: 'a\.txt' has none of the extensions \.keras/],
    [['step', 's', '--speed'], /^cellstep step: Unknown option '--speed'/],
    [['completion', 'tcsh'], /^cellstep completion: Unknown shell 'tcsh'/],
  ])('refuses %j with exit code 2', async (words, message) => {
    const { code, stderr } = await cellstep(words);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it('takes a cell out to a file and brings it in', async () => {
    const client = new Cellstep({ url });
    const cell = await client.cells.create({ ...SUM, input_shape: [null, 1] });
    const file = join(directory, 'sum.safetensors');
    expect(await cellstep(['export', cell.id, '-o', file])).toMatchObject({ code: 0, stdout: '' });
    const { code, stdout, stderr } = await cellstep(['import', file, '--id', 'copy']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'copy\n',
      stderr: 'SimpleRNNCell with 2 parameters\n',
    });
    expect((await client.cells.get('copy').step([[1]], [[[2]]])).output.item()).toBe(3);
  });

  it('steps by lines of JSON, and says which line is wrong', async () => {
    const client = new Cellstep({ url });
    const session = await (await client.cells.create(SUM)).openSession({ batch_size: 2 });
    const lines = '{"inputs": [[1], [2]]}\n\n[[3], ["Infinity"]]\n';
    expect((await cellstep(['step', session.id], lines)).stdout).toBe(
      '{"step":1,"output":[[1],[2]]}\n{"step":2,"output":[[4],["Infinity"]]}\n',
    );
    const { code, stderr } = await cellstep(['step', session.id], '[[1], [2]]\n{"input": 1}\n');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'cellstep step: Line 2 has no inputs. Send [0.5, 1] or {"inputs": [[0.5, 1]]}.\n',
    });
  });

  it('steps by lines of CSV on a session of their own, which it ends', async () => {
    const client = new Cellstep({ url });
    const cell = await client.cells.create(SUM);
    const csv = join(directory, 'steps.csv');
    writeFileSync(csv, 'x\n1\n2.5\n');
    expect(await cellstep(['step', '--cell', cell.id], readFileSync(csv, 'utf8'))).toEqual({
      code: 0,
      stdout: '1\n3.5\n',
      stderr: '',
    });
    const open: string[] = [];
    for await (const described of client.sessions()) if (described.cell === cell.id) open.push(described.id);
    expect(open).toEqual([]);
  });
});

describe('lines of steps', () => {
  it.each([
    ['1, 2', [[1, 2]]],
    ['NaN,-Infinity', [[Number.NaN, Number.NEGATIVE_INFINITY]]],
    ['[1, 2]', [[1, 2]]],
    ['{"inputs": [[1], [2]]}', [[1], [2]]],
  ])('read %j', (line, inputs) => {
    expect(lineForm(line).read(line, 2)).toEqual(inputs);
  });

  it.each([
    ['1,,2', /Line 2, column 2: '' is not a number/],
    ['1,two', /Line 2, column 2: 'two' is not a number/],
    ['[1,', /Line 2 is not JSON/],
  ])('refuse %j', (line, message) => {
    expect(() => lineForm(line).read(line, 2)).toThrow(message);
  });

  it('write outputs in the form of the inputs', () => {
    const output = new Tensor(Float32Array.of(0.5, Number.NaN), [1, 2]);
    expect(lineForm('1').write(3, output)).toBe('0.5,NaN');
    expect(lineForm('[1]').write(3, output)).toBe('{"step":3,"output":[[0.5,"NaN"]]}');
  });
});
