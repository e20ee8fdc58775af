import { beforeAll, describe, expect, it } from 'vitest';
import { buildImage, Container, inContainer, newVolume, readImageConfig, startService, whyNot } from './container.ts';

const reason = whyNot();
if (reason !== undefined) {
  if (process.env.CELLSTEP_CI === '1') throw new Error(`The container suite cannot run: ${reason}.`);
  console.log(`Skipped: the container suite; ${reason}.`);
}

/** Statuses that are not the expected ones show their reply. */
async function request(method: string, url: string, body?: unknown, status = 200) {
  const reply = await fetch(url, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  expect(reply.status, text).toBe(status);
  return JSON.parse(text);
}

function tutorialCell(id: string, recurrent: unknown, bias: unknown) {
  const config = { units: 1, activation: null, use_bias: true, kernel_initializer: 'ones' };
  return {
    id,
    class_name: 'SimpleRNNCell',
    config: { ...config, recurrent_initializer: recurrent, bias_initializer: bias },
    input_shape: [null, 1],
  };
}

const THREE = { class_name: 'Constant', config: { value: 3 } };

describe.skipIf(reason !== undefined)('the container image', () => {
  beforeAll(buildImage, 540_000);

  it('says in its configuration how it is run', async () => {
    const config = await readImageConfig();
    expect(config.User).toBe('10001:10001');
    expect(config.Cmd).toEqual(['node', 'bin/cellstep.cjs']);
    expect(config.Entrypoint ?? []).toEqual([]);
    expect(Object.keys(config.ExposedPorts)).toEqual(['8080/tcp']);
    expect(Object.keys(config.Volumes)).toEqual(['/data']);
    expect(config.Env).toEqual(expect.arrayContaining(['CELLSTEP_STORE=lmdb:/data', 'CELLSTEP_HOST=0.0.0.0']));
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'cellstep',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.revision': expect.stringMatching(/^([0-9a-f]{40}|unknown)$/),
    });
  });

  it('ships the service and its production dependencies only', async () => {
    const look = `
      const { existsSync, readdirSync } = require('node:fs');
      const tools = ['typescript', 'vitest', 'node', 'playwright-core'].filter((name) => existsSync('node_modules/' + name));
      console.log(JSON.stringify({ tools, app: readdirSync('.').sort() }));`;
    const { stdout, stderr } = await inContainer(['node', '-e', look]);
    expect(stderr).toBe('');
    const found = JSON.parse(stdout);
    expect(found.tools).toEqual([]);
    const files = ['LICENSE', 'asyncapi.yaml', 'openapi.yaml', 'package.json', 'sbom.cdx.json'];
    const folders = ['bin', 'clients', 'node_modules', 'routes', 'schemas', 'src', 'web'];
    expect(found.app.filter((name: string) => ![...files, ...folders].includes(name))).toEqual([]);
    expect((await readImageConfig()).Env.filter((variable) => /CERT|NPM|REGISTRY|SECRET/i.test(variable))).toEqual([]);
  });

  it('lists all that it is made of, with versions and licences', async () => {
    const look = `
      const { existsSync, readFileSync } = require('node:fs');
      const { components } = JSON.parse(readFileSync('sbom.cdx.json', 'utf8'));
      const names = new Set(components.map(({ group, name }) => [group, name].filter(Boolean).join('/')));
      const declared = Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies);
      const versions = components.filter((one) => {
        const file = 'node_modules/' + [one.group, one.name].filter(Boolean).join('/') + '/package.json';
        return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === one.version;
      });
      console.log(JSON.stringify({
        missing: declared.filter((name) => !names.has(name)),
        unlicensed: components.filter(({ licenses }) => !licenses?.length).map(({ name }) => name),
        found: versions.length,
      }));`;
    const { stdout } = await inContainer(['node', '-e', look]);
    const { missing, unlicensed, found } = JSON.parse(stdout);
    // npm names the licences that SPDX has a name for.
    expect({ missing, unlicensed }).toEqual({ missing: [], unlicensed: ['h5wasm'] });
    expect(found).toBeGreaterThan(150);
  });

  it('loads every module of the service, the native ones included', async () => {
    // main.ts starts the service, cli/main.ts a command and a worker its job; everything else only declares.
    const load = `
      const { globSync } = await import('node:fs');
      const files = globSync('{routes,schemas,src}/**/*.ts').filter((file) => !/(^src.(cli.)?main|-worker|hdf5.worker)[.]ts$|kernels/.test(file));
      for (const file of files) await import('/app/' + file);
      const { h5wasm } = await import('h5wasm');
      await h5wasm.ready;
      console.log(files.length);`;
    const { code, stdout, stderr } = await inContainer(['node', '--input-type=module', '-e', load]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(Number(stdout)).toBeGreaterThan(100);
  });

  it('makes keys and backups by the commands of the documentation', async () => {
    const volume = newVolume();
    const cellstep = (...words: string[]) => inContainer(['node', 'bin/cellstep.cjs', ...words], { volume });
    const keys = ['--file', '/data/keys.json'];
    expect((await cellstep('keys', 'create', 'ci', '--scopes', 'read', ...keys)).stdout).toMatch(/^cellstep_\S+\n$/);
    expect((await cellstep('keys', 'list', ...keys)).stdout).toMatch(/^ci +default +read /m);
    const { container } = await startService(volume);
    expect(await container.stop()).toMatchObject({ code: 0 });
    expect(await cellstep('backup', '/data/backups/one')).toMatchObject({ code: 0, stderr: '' });
  });

  it('carries the tutorial, its variable and its checkpoint over a restart on the same volume', async () => {
    const volume = newVolume();
    const first = await startService(volume);
    const v1 = `${first.url}/v1`;
    await request('POST', `${v1}/cells`, tutorialCell('cell', 'ones', THREE), 201);
    await request('POST', `${v1}/cells`, tutorialCell('cell2', THREE, 'ones'), 201);
    const one = await request('POST', `${v1}/cells/cell/steps`, { inputs: [[2]], states: [[[1]]] });
    expect(one).toMatchObject({ output: [[6]], states: [[[6]]] });
    const two = await request('POST', `${v1}/cells/cell2/steps`, { inputs: [[3]], states: one.states });
    expect(two).toMatchObject({ output: [[22]], states: [[[22]]] });
    const tanh = await request('POST', `${v1}/ops/tanh`, { inputs: [['-Infinity', 6, 'Infinity']] });
    expect(tanh.output).toEqual([-1, 0.9999877, 1]);
    await request('POST', `${v1}/sessions`, { id: 'walk', cell: 'cell', initial_state: [[[1]]] }, 201);
    expect(await request('POST', `${v1}/sessions/walk/steps`, { inputs: [[2]] })).toMatchObject({ output: [[6]] });

    await request('POST', `${v1}/variables`, { id: 'v', value: 1 }, 201);
    const doubled = await request('POST', `${v1}/ops/multiply`, { inputs: [{ variable: 'v' }, 2] });
    expect(doubled.output).toBe(2);
    for (const [change, value, after] of [
      ['assign', 2, 2],
      ['assign_add', 0.5, 2.5],
      ['assign_sub', 1.25, 1.25],
    ] as const) {
      expect((await request('POST', `${v1}/variables/v/${change}`, { value })).value).toBe(after);
    }
    await request('POST', `${v1}/checkpoints`, { id: 'ckpt', variables: ['v'] }, 201);
    expect((await request('POST', `${v1}/variables/v/assign`, { value: 99 })).value).toBe(99);
    expect(await first.container.stop()).toMatchObject({ code: 0, stderr: '' });

    const second = await startService(volume);
    const again = `${second.url}/v1`;
    expect((await request('GET', `${again}/variables/v`)).value).toBe(99);
    await request('POST', `${again}/checkpoints/ckpt/restore`, {});
    expect((await request('GET', `${again}/variables/v`)).value).toBe(1.25);
    const walked = await request('POST', `${again}/sessions/walk/steps`, { inputs: [[2]] });
    expect(walked).toMatchObject({ output: [[11]], step: 2 });
    expect(await second.container.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('serves its documentation from the stripped image', async () => {
    const { url } = await startService(newVolume());
    const page = await fetch(`${url}/docs`);
    expect(page.status).toBe(200);
    const assets = [...(await page.text()).matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, path]) => path);
    expect(assets.length).toBeGreaterThan(1);
    for (const path of assets) expect((await fetch(new URL(path, `${url}/docs/`))).status, path).toBe(200);
  });

  it('does not start open to everybody by accident', async () => {
    const { code, stdout, stderr } = await new Container({}).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^cellstep: CELLSTEP_HOST '0\.0\.0\.0' .*CELLSTEP_API_KEYS.*CELLSTEP_AUTH=none.*\n$/);
  });

  it('asks for the key that it was given', async () => {
    const key = 'a-key-of-the-container-test';
    const { url } = await startService(newVolume(), { CELLSTEP_AUTH: '', CELLSTEP_API_KEYS: key });
    await request('GET', `${url}/v1/cells`, undefined, 401);
    const reply = await fetch(`${url}/v1/cells`, { headers: { authorization: `Bearer ${key}` } });
    expect(reply.status).toBe(200);
  });

  it('is process 1, an ordinary user, and may write to /data only', async () => {
    const look = `
      const { writeFileSync } = require('node:fs');
      const attempt = (file) => { try { writeFileSync(file, ''); return 'written' } catch (error) { return error.code } };
      console.log(JSON.stringify({ pid: process.pid, uid: process.getuid(), gid: process.getgid(),
        groups: process.getgroups().filter((group) => group !== process.getgid()), node: process.version,
        data: attempt('/data/x'), app: attempt('/app/src/x'), root: attempt('/x'), temporary: attempt('/tmp/x') }));`;
    const { stdout, stderr } = await inContainer(['node', '-e', look]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      ...{ pid: 1, uid: 10001, gid: 10001, groups: [], node: process.version },
      ...{ data: 'written', app: 'EROFS', root: 'EROFS', temporary: 'EROFS' },
    });
  });

  it('has a health check that tells a service that answers from one that does not', async () => {
    const [kind, ...command] = (await readImageConfig()).Healthcheck.Test;
    expect(kind).toBe('CMD');
    const { container, port } = await startService(newVolume());
    const env = { CELLSTEP_PORT: `${port}` };
    expect(await inContainer(command, { env })).toMatchObject({ code: 0, stderr: '' });
    await container.stop();
    expect(await inContainer(command, { env })).toMatchObject({ code: 1 });
  });
});
