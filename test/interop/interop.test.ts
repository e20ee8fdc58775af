import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createWeightFiles } from '../../src/files/weight-files.ts';
import { expectModule, MODULES, moduleCases } from '../golden/pytorch-modules.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { postFile, putFile } from '../support/files.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { CASES, FORMATS, type InteropCase, type InteropFormat } from './cases.ts';
import {
  exchange,
  exportCase,
  exportNetwork,
  formatsOf,
  makeCell,
  NETWORK_FORMATS,
  pathOf,
  type Results,
  type Run,
  runsOf,
  saveModules,
  whyNot,
} from './exchange.ts';
import { NETWORKS } from './networks.ts';

const reason = whyNot();
if (reason !== undefined) {
  if (process.env.CELLSTEP_CI === '1') throw new Error(`The files cannot be exchanged with Python: ${reason}.`);
  console.log(`Skipped: the files that Keras, PyTorch and ONNX Runtime open and save; ${reason}.`);
}

/** Largest absolute difference of an output or a state, from what the library computes. */
const TOLERANCE = 2e-6;

/** Of a gradient, against 1 or the largest of its variable: Keras computes it in float32. */
const GRADIENT_TOLERANCE = 2e-5;

const networkFiles = NETWORKS.flatMap(({ name, tolerance }) =>
  NETWORK_FORMATS.map(({ extension }) => ({ name, extension, tolerance })),
);

const moduleNames = moduleCases(MODULES).map(({ name }) => name);

const exchanged = CASES.flatMap((one, place) =>
  formatsOf(one).map((format) => ({ title: `${one.name} ${format.extension}`, one, id: `cell${place}`, format })),
);
const told = exchanged.filter(({ one, format }) => format.whole.includes(one.framework) && !one.untold);

it('has a case for every format of every framework', () => {
  const key = (frameworks: readonly string[], extension: string) => frameworks.map((name) => `${name} ${extension}`);
  const there = createWeightFiles(readConfig({}).limits, Date.now);
  const tried = exchanged.map(({ one, format }) => `${one.framework} ${format.extension}`);
  expect(new Set(tried)).toEqual(new Set(there.flatMap(({ frameworks, extension }) => key(frameworks, extension))));
  const written = there.filter(({ write }) => write !== undefined);
  expect(written.map(({ extension, mediaType }) => [extension, mediaType])).toEqual(
    FORMATS.map(({ extension, mediaType }) => [extension, mediaType]),
  );
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
});

describe.skipIf(reason !== undefined)('weights over files', () => {
  let directory: string;
  let app: TestApp;
  let results: Results;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-interop-'));
    app = await startApp();
    const cases = [];
    for (const [place, one] of CASES.entries()) {
      cases.push(await exportCase(app, one, `cell${place}`, place + 1, directory));
    }
    const exported = [];
    for (const one of NETWORKS) exported.push(await exportNetwork(app, one, directory));
    await saveModules(join(directory, 'modules'));
    results = await exchange(cases, exported, directory);
    const largest = Math.max(...Object.values(results.opened).map((one) => ('error' in one ? 0 : one.difference)));
    console.log(`Opened by ${JSON.stringify(results.versions)}; the largest difference is ${largest}`);
  }, 20 * PATIENCE_MS);
  afterAll(async () => {
    await app?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('are tried in both directions, each case', () => {
    expect(Object.keys(results.opened)).toEqual(exchanged.map(({ title }) => title));
    expect(Object.keys(results.saved)).toEqual(CASES.map(({ name }) => name));
  });

  describe('from here compute the same in the framework', () => {
    it.each(exchanged)('$title', ({ title }) => {
      const result = results.opened[title];
      if ('error' in result) throw new Error(result.error);
      expect(result.difference).toBeLessThanOrEqual(TOLERANCE);
    });
  });

  describe('of whole modules of PyTorch, saved by another seed, compute the same here', () => {
    it.each(moduleNames)('%s', async (name) => {
      const [one] = moduleCases(join(directory, 'modules')).filter((made) => made.name === name);
      await expectModule(app, join(directory, 'modules'), { ...one, name: `module-${name}` });
    });
  });

  it('are tried of every network', () => {
    expect(Object.keys(results.networks)).toEqual(networkFiles.map(({ name, extension }) => `${name} ${extension}`));
  });

  describe('of whole networks compute the same in Keras', () => {
    it.each(networkFiles)('$name $extension', ({ name, extension, tolerance }) => {
      const result = results.networks[`${name} ${extension}`];
      if ('error' in result) throw new Error(result.error);
      expect(result.difference).toBeLessThanOrEqual(tolerance);
    });
  });

  describe('of whole networks have the gradients of Keras', () => {
    it.each(NETWORKS.filter(({ tolerance }) => tolerance === 4e-6))('$name', ({ name }) => {
      const result = results.gradients[name];
      if ('error' in result) throw new Error(result.error);
      expect(result.difference).toBeLessThanOrEqual(GRADIENT_TOLERANCE);
    });
  });

  describe('from the framework compute the same here, put into a cell', () => {
    it.each(exchanged)('$title', async ({ one, id, format }) => {
      const made = `${id}-put${format.extension}`;
      await makeCell(app, one, made);
      const put = await putFile(app, made, format.mediaType, savedFile(one, id, format));
      expect(put.status, put.text).toBe(200);
      await expectSame(one, made);
    });
  });

  describe('from the framework compute the same here, posted as a cell', () => {
    it.each(told)('$title', async ({ one, id, format }) => {
      const made = `${id}-posted${format.extension}`;
      const layer = one.framework === 'pytorch' && !one.class_name.endsWith('Cell');
      const said = layer ? `&config.batch_first=${one.config.batch_first === true}` : '';
      const posted = await postFile(app, format.mediaType, savedFile(one, id, format), `?id=${made}${said}`);
      expect(posted.status, posted.text).toBe(201);
      await expectSame(one, made);
    });
  });

  /** @throws where Python could not save the case */
  function savedRuns({ name }: InteropCase): readonly Run[] {
    const saved = results.saved[name];
    if ('error' in saved) throw new Error(saved.error);
    return saved.runs;
  }

  function savedFile(one: InteropCase, id: string, format: InteropFormat): Uint8Array {
    savedRuns(one);
    return readFileSync(pathOf(directory, id, format));
  }

  async function expectSame(one: InteropCase, cell: string): Promise<void> {
    const [ours, theirs] = [flat(await runsOf(app, one, cell)), flat(savedRuns(one))];
    expect(ours.map(({ shape }) => shape)).toEqual(theirs.map(({ shape }) => shape));
    const distances = ours.flatMap(({ data }, i) => data.map((value, k) => Math.abs(value - theirs[i].data[k])));
    expect(Math.max(...distances)).toBeLessThanOrEqual(TOLERANCE);
    // Numbers that would agree of themselves are not proof.
    expect(Math.max(...theirs.flatMap(({ data }) => data.map(Math.abs)))).toBeGreaterThan(0.05);
  }
});

function flat(runs: readonly Run[]): Run['output'][] {
  return runs.flatMap(({ output, states }) => [output, ...states]);
}
