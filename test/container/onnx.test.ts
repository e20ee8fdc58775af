import { beforeAll, describe, expect, it } from 'vitest';
import { accumulator } from '../support/onnx-models.ts';
import { buildImage, inContainer, newVolume, startService, whyNot } from './container.ts';

const reason = whyNot();
if (reason !== undefined) {
  if (process.env.CELLSTEP_CI === '1') throw new Error(`The image with ONNX Runtime cannot be built: ${reason}.`);
  console.log(`Skipped: the image with ONNX Runtime; ${reason}.`);
}

process.env.CELLSTEP_IMAGE = 'cellstep:test-onnx';
process.env.CELLSTEP_IMAGE_TARGET = 'onnx';

describe.skipIf(reason !== undefined)('the image with ONNX Runtime', () => {
  beforeAll(buildImage, 540_000);

  it('has the runtime for its own platform only', async () => {
    const look = `
      const { globSync } = require('node:fs');
      const binaries = globSync('node_modules/onnxruntime-node/bin/*/*/*');
      const own = [process.platform, process.arch].join('/');
      console.log(JSON.stringify({ binaries: binaries.length, own: binaries[0].endsWith(own), adm: globSync('node_modules/adm-zip') }));`;
    const { stdout, stderr } = await inContainer(['node', '-e', look]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ binaries: 1, own: true, adm: [] });
  });

  it('lists the runtime in its bill of materials, beside all else', async () => {
    const look = `
      const { components } = JSON.parse(require('node:fs').readFileSync('sbom.cdx.json', 'utf8'));
      const onnx = components.filter(({ name }) => name.startsWith('onnxruntime'));
      const checked = onnx.filter(({ hashes }) => hashes[0].alg === 'SHA-512');
      console.log(JSON.stringify([onnx.map(({ name }) => name).sort(), checked.length, components.some(({ name }) => name === 'fastify')]));`;
    const { stdout, stderr } = await inContainer(['node', '-e', look]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([['onnxruntime-common', 'onnxruntime-node'], 2, true]);
  });

  it('steps a graph as its ordinary user, over a read-only root', async () => {
    const { url, container } = await startService(newVolume());
    const made = await fetch(`${url}/v1/cells?graph=true&id=acc`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-onnx' },
      body: Buffer.from(accumulator()),
    });
    expect(made.status, await made.text()).toBe(201);
    const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await fetch(`${url}/v1/sessions`, { ...json, body: JSON.stringify({ id: 's', cell: 'acc' }) });
    const body = JSON.stringify({ named_inputs: { x: [[1, 2]], gain: 3 } });
    const step = await fetch(`${url}/v1/sessions/s/steps`, { ...json, body });
    expect(await step.json()).toMatchObject({ output: [[3, 6]], step: 1 });
    expect(await container.stop()).toMatchObject({ code: 0, stderr: '' });
  });
});
