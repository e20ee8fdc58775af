import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { eventually } from '../support/until.ts';
import { type Certificate, makeCertificate, OPENSSL } from './certificates.ts';
import { service, temporaryDirectory } from './support.ts';

if (!OPENSSL) console.warn('no openssl in PATH: HTTPS is NOT tested');

/** Puts a certificate where the service looks for it. */
function place({ certificate, key }: Certificate, directory: string) {
  const files = { CELLSTEP_TLS_CERT: join(directory, 'cert.pem'), CELLSTEP_TLS_KEY: join(directory, 'key.pem') };
  copyFileSync(certificate, files.CELLSTEP_TLS_CERT);
  copyFileSync(key, files.CELLSTEP_TLS_KEY);
  return files;
}

function get(url: string, ca: string) {
  return new Promise<{ status?: number; hsts?: string | undefined; text: string }>((resolve, reject) => {
    request(url, { ca: readFileSync(ca), agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, hsts: response.headers['strict-transport-security'], text }),
      );
    })
      .on('error', reject)
      .end();
  });
}

describe.runIf(OPENSSL)('HTTPS', () => {
  test('is served with the certificate of the files, and with the next one once they have changed', async () => {
    const directory = temporaryDirectory();
    const first = makeCertificate('IP:127.0.0.1');
    const files = place(first, directory);
    const started = await service(files);
    const { url } = started;
    expect(url).toMatch(/^https:/);
    const { status, hsts } = await get(`${url}/v1/cells`, first.certificate);
    expect({ status, hsts }).toEqual({ status: 200, hsts: 'max-age=31536000' });
    await expect(fetch(`${url.replace('https:', 'http:')}/healthz`)).rejects.toThrow();

    const next = makeCertificate('IP:127.0.0.1');
    await expect(get(`${url}/healthz`, next.certificate)).rejects.toThrow();
    writeFileSync(files.CELLSTEP_TLS_KEY, 'no key');
    await eventually(() => expect(started.stdout()).toContain('the former ones stay'));
    expect((await get(`${url}/healthz`, first.certificate)).status).toBe(200);
    place(next, directory);
    await eventually(async () => expect((await get(`${url}/healthz`, next.certificate)).status).toBe(200));
    expect(await started.stop()).toEqual({ code: 0, signal: null });
  });

  test('is there for gRPC too, with the next certificate once the files have changed', async () => {
    const directory = temporaryDirectory();
    const first = makeCertificate('DNS:localhost');
    const started = await service({ ...place(first, directory), CELLSTEP_GRPC_PORT: '0' });
    const [, port] = /gRPC listening at 127\.0\.0\.1:(\d+)/.exec(started.stdout()) ?? [];
    const live = (ca: string) => {
      const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(readFileSync(ca)), {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.ssl_target_name_override': 'localhost',
      });
      const same = (bytes: Buffer) => bytes;
      const path = '/inference.GRPCInferenceService/ServerLive';
      return new Promise((resolve, reject) => {
        const deadline = Date.now() + PATIENCE_MS;
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), { deadline }, (error, reply) => {
          client.close();
          if (error) reject(error);
          else resolve(reply);
        });
      });
    };
    expect(await live(first.certificate)).toEqual(Buffer.from([8, 1]));
    const next = makeCertificate('DNS:localhost');
    await expect(live(next.certificate)).rejects.toThrow();
    place(next, directory);
    await eventually(async () => expect(await live(next.certificate)).toEqual(Buffer.from([8, 1])));
    expect(await started.stop()).toEqual({ code: 0, signal: null });
  });

  test('takes no version of TLS before 1.2', async () => {
    const own = makeCertificate('IP:127.0.0.1');
    const { url } = await service(place(own, temporaryDirectory()));
    const handshake = (maxVersion: 'TLSv1.1' | 'TLSv1.2') =>
      new Promise<PeerCertificate>((resolve, reject) => {
        const { port } = new URL(url);
        const options = {
          port: Number(port),
          host: '127.0.0.1',
          rejectUnauthorized: false,
          minVersion: 'TLSv1',
        } as const;
        const socket: TLSSocket = connect({ ...options, maxVersion }, () => {
          resolve(socket.getPeerCertificate());
          socket.destroy();
        });
        socket.on('error', reject);
      });
    await expect(handshake('TLSv1.1')).rejects.toThrow();
    expect((await handshake('TLSv1.2')).subject.CN).toBe('cellstep test');
  });

  test('is not begun with files that are not a certificate and its key', async () => {
    const directory = temporaryDirectory();
    const files = place(makeCertificate('IP:127.0.0.1'), directory);
    copyFileSync(makeCertificate('IP:127.0.0.1').key, files.CELLSTEP_TLS_KEY);
    for (const settings of [files, { ...files, CELLSTEP_TLS_KEY: join(directory, 'missing.pem') }]) {
      const started = spawnService({ CELLSTEP_PORT: '0', CELLSTEP_STORE: 'memory:', ...settings });
      onTestFinished(() => void started.child.kill('SIGKILL'));
      expect((await started.exited).code).toBe(2);
      expect(started.stderr()).toMatch(
        /^cellstep: CELLSTEP_TLS_CERT and CELLSTEP_TLS_KEY: '[^\n]+' are not a certificate and its key: [^\n]+\n$/,
      );
    }
  });
});
