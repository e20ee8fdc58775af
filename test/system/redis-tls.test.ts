import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { REDIS_SERVER, type RedisProcess, startRedis } from '../../scripts/redis-servers.ts';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { type Certificate, makeCertificate, OPENSSL } from './certificates.ts';
import { openCounter, readCounter, send, service } from './support.ts';

if (!OPENSSL) console.warn('no openssl in PATH: Redis over TLS is NOT tested');

const tlsSettings = ({ certificate, key }: Certificate, port: number, clients = 'no') => [
  ...['--tls-port', `${port}`, '--tls-cert-file', certificate, '--tls-key-file', key],
  ...['--tls-ca-cert-file', certificate, '--tls-auth-clients', clients],
];

async function refusal(store: string, settings: Readonly<Record<string, string>> = {}) {
  const started = spawnService({ CELLSTEP_PORT: '0', CELLSTEP_STORE: store, ...settings });
  onTestFinished(() => void started.child.kill('SIGKILL'));
  const { code } = await started.exited;
  return { code, stderr: started.stderr() };
}

async function stepsOver(store: string, certificate: string): Promise<void> {
  const { url, stop } = await service({ CELLSTEP_STORE: store, NODE_EXTRA_CA_CERTS: certificate });
  await openCounter(url);
  for (let n = 0; n < 5; n++) await send(url, '/v1/sessions/counter/steps', { inputs: [[2]] });
  expect(await readCounter(url)).toEqual({ step: 5, sum: 10 });
  expect((await send(url, '/readyz')).status).toBe(200);
  expect(await stop()).toEqual({ code: 0, signal: null });
}

describe.runIf(REDIS_SERVER && OPENSSL)('a Redis over TLS', () => {
  async function start(...settings: string[]): Promise<RedisProcess> {
    const server = await startRedis(...settings);
    onTestFinished(() => server.remove());
    return server;
  }

  test('that asks for a certificate of its clients serves with one, and with no other', async () => {
    const own = makeCertificate('IP:127.0.0.1');
    const foreign = makeCertificate('DNS:client.example');
    const port = await freePort();
    await start(...tlsSettings(own, port, 'yes'));
    const store = `rediss://127.0.0.1:${port}`;
    const trusted = { CELLSTEP_STORE: store, NODE_EXTRA_CA_CERTS: own.certificate, CELLSTEP_RATE_LIMIT: '1000' };
    const show = ({ certificate, key }: Certificate) => ({ CELLSTEP_REDIS_CERT: certificate, CELLSTEP_REDIS_KEY: key });
    const { url, stop } = await service({ ...trusted, ...show(own) });
    await openCounter(url);
    expect(await stop()).toEqual({ code: 0, signal: null });
    for (const shown of [{}, show(foreign)]) {
      const { code, stderr } = await refusal(store, { ...trusted, ...shown });
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: [^\n]+\n$/);
      expect(stderr).not.toContain('.c:');
    }
    const mixed = { CELLSTEP_REDIS_CERT: own.certificate, CELLSTEP_REDIS_KEY: foreign.key };
    expect((await refusal(store, { ...trusted, ...mixed })).stderr).toMatch(
      /^cellstep: CELLSTEP_REDIS_CERT and CELLSTEP_REDIS_KEY: /,
    );
  });

  test('serves with a certificate that Node or NODE_EXTRA_CA_CERTS vouches for, and with no other', async () => {
    const own = makeCertificate('IP:127.0.0.1,DNS:localhost');
    const foreign = makeCertificate('DNS:other.example');
    const [port, foreignPort] = [await freePort(), await freePort()];
    await start(...tlsSettings(own, port), '--requirepass', 'a@secret');
    await start(...tlsSettings(foreign, foreignPort));
    const store = `rediss://:a%40secret@127.0.0.1:${port}`;
    await stepsOver(store, own.certificate);

    const unknown = await refusal(store);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(
      /^cellstep: CELLSTEP_STORE: store rediss:\/\/\*\*\*@127\.0\.0\.1:\d+ cannot be opened: self-signed certificate[^\n]*\n$/,
    );
    const misnamed = await refusal(`rediss://127.0.0.1:${foreignPort}`, { NODE_EXTRA_CA_CERTS: foreign.certificate });
    expect(misnamed.code).toBe(2);
    expect(misnamed.stderr).toContain("IP: 127.0.0.1 is not in the cert's list");
    const plain = await refusal(`redis://:a%40secret@127.0.0.1:${port}`);
    expect(plain.code).toBe(2);
    expect(plain.stderr).not.toContain('secret');
  });

  test('serves from a cluster, whose nodes name one another by address', async () => {
    const own = makeCertificate('IP:127.0.0.1');
    const ports = [await freePort(), await freePort()];
    const nodes: RedisProcess[] = [];
    for (const port of ports) {
      const cluster = ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-port', `${await freePort()}`];
      nodes.push(await start(...tlsSettings(own, port), ...cluster));
    }
    const bus = (await nodes[1].admin.config('GET', 'cluster-port')) as string[];
    for (const [n, { admin }] of nodes.entries()) {
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1);
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', n * 8_192, n * 8_192 + 8_191);
    }
    await nodes[0].admin.call('CLUSTER', 'MEET', '127.0.0.1', ports[1], bus[1]);
    for (const { admin } of nodes) {
      const info = async () => String(await admin.call('CLUSTER', 'INFO'));
      await expect.poll(info, { interval: 20 }).toContain('cluster_state:ok');
    }
    await stepsOver(`rediss+cluster://127.0.0.1:${ports[0]}`, own.certificate);
    for (const { admin } of nodes) expect(await admin.dbsize()).toBeGreaterThan(0);
  });
});
