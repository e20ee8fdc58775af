import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

const KEY = 'k'.repeat(16);

describe('the configuration', () => {
  it('stands without any variable', () => {
    const config = readConfig({});
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8080, store: 'lmdb:./data', apiKeys: [], unknown: [] });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.limits)).toBe(true);
    expect(Object.values(config.limits).every((limit) => Number.isSafeInteger(limit) && limit > 0)).toBe(true);
  });

  it('takes what is set', () => {
    const config = readConfig({
      CELLSTEP_HOST: '::1',
      CELLSTEP_PORT: '0',
      CELLSTEP_STORE: 'memory:',
      CELLSTEP_LOG_LEVEL: 'silent',
      CELLSTEP_API_KEYS: `${KEY},${KEY}2`,
      CELLSTEP_MAX_UNITS: '5',
      CELLSTEP_PROT: '1',
      PATH: '/bin',
    });
    expect(config).toMatchObject({ host: '::1', port: 0, store: 'memory:', logLevel: 'silent' });
    expect(config.apiKeys).toEqual([KEY, `${KEY}2`]);
    expect(config.limits.maxUnits).toBe(5);
    expect(config.unknown).toEqual(['CELLSTEP_PROT']);
  });

  it.each([
    ['CELLSTEP_HOST', 'example.org'],
    ['CELLSTEP_HOST', ''],
    ['CELLSTEP_PORT', '65536'],
    ['CELLSTEP_PORT', '-1'],
    ['CELLSTEP_PORT', '80.5'],
    ['CELLSTEP_PORT', '0x50'],
    ['CELLSTEP_PORT', ''],
    ['CELLSTEP_GRPC_PORT', '65536'],
    ['CELLSTEP_GRPC_PORT', 'on'],
    ['CELLSTEP_STORE', 'redis'],
    ['CELLSTEP_STORE', 'lmdb:'],
    ['CELLSTEP_LOG_LEVEL', 'loud'],
    ['CELLSTEP_AUTH', 'yes'],
    ['CELLSTEP_MAX_BODY_BYTES', '12'],
    ['CELLSTEP_MAX_UNITS', '0'],
    ['CELLSTEP_MAX_ELEMENTS', '1e6'],
    ['CELLSTEP_SHUTDOWN_SECONDS', '3601'],
    ['CELLSTEP_WORKERS', '0'],
    ['CELLSTEP_WORKERS', '65'],
    ['CELLSTEP_THREADS', '-1'],
    ['CELLSTEP_THREADS', 'all'],
    ['CELLSTEP_THREADS', '257'],
    ['CELLSTEP_BATCH_ROWS', '0'],
    ['CELLSTEP_ALLOWED_HOSTS', 'cells.example:80'],
    ['CELLSTEP_CORS_ORIGINS', 'https://app.example/'],
    ['CELLSTEP_CORS_ORIGINS', '*'],
    ['CELLSTEP_OIDC_ISSUER', 'http://login.example'],
    ['CELLSTEP_OIDC_ALGORITHMS', 'HS256'],
    ['CELLSTEP_OIDC_SKEW_SECONDS', '301'],
  ])('refuses %s %j, naming both', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
    expect(() => readConfig({ [name]: value })).toThrow(`${name} '${value}' `);
  });

  it('refuses one port for both protocols', () => {
    expect(readConfig({ CELLSTEP_GRPC_PORT: '8001' }).grpcPort).toBe(8001);
    expect(readConfig({}).grpcPort).toBeUndefined();
    expect(() => readConfig({ CELLSTEP_GRPC_PORT: '8080' })).toThrow('is CELLSTEP_PORT too');
  });

  it('tells of all that is wrong at once, one line each', () => {
    const read = () => readConfig({ CELLSTEP_PORT: 'x', CELLSTEP_LOG_LEVEL: 'loud', CELLSTEP_API_KEYS: 'short' });
    expect(read).toThrow(
      /^CELLSTEP_PORT 'x' [^\n]+\.\nCELLSTEP_LOG_LEVEL 'loud' [^\n]+\.\nCELLSTEP_API_KEYS has a key [^\n]+\.$/,
    );
    const together = () => readConfig({ CELLSTEP_HOST: '::', CELLSTEP_WORKERS: '2', CELLSTEP_STORE: 'memory:' });
    expect(together).toThrow(/^CELLSTEP_HOST '::' [^\n]+\nCELLSTEP_WORKERS '2' [^\n]+$/);
  });

  it('answers to the names of this machine alone where only its address protects it', () => {
    expect(readConfig({}).browsers).toEqual({ hosts: 'loopback', corsOrigins: [] });
    expect(readConfig({ CELLSTEP_API_KEYS: KEY }).browsers.hosts).toBe('any');
    expect(readConfig({ CELLSTEP_HOST: '0.0.0.0', CELLSTEP_AUTH: 'none' }).browsers.hosts).toBe('any');
    const named = readConfig({ CELLSTEP_ALLOWED_HOSTS: 'a.example,[::1]', CELLSTEP_CORS_ORIGINS: 'https://b.example' });
    expect(named.browsers).toEqual({ hosts: ['a.example', '[::1]'], corsOrigins: ['https://b.example'] });
  });

  it('shares the cores among the workers, with a thread at least for each', () => {
    const cores = availableParallelism();
    expect(readConfig({})).toMatchObject({ workers: 1, threads: cores });
    expect(readConfig({ CELLSTEP_WORKERS: '2' }).threads).toBe(Math.max(1, Math.floor(cores / 2)));
    expect(readConfig({ CELLSTEP_WORKERS: '64' }).threads).toBe(Math.max(1, Math.floor(cores / 64)));
    expect(readConfig({ CELLSTEP_THREADS: '0' }).threads).toBe(0);
  });

  it('gives several workers no store that each would have for itself', () => {
    const read = (store: string) => readConfig({ CELLSTEP_WORKERS: '2', CELLSTEP_STORE: store });
    expect(() => read('memory:')).toThrow(/^CELLSTEP_WORKERS '2' cannot share CELLSTEP_STORE 'memory:'/);
    expect(read('lmdb:./data').workers).toBe(2);
    expect(read('redis://somewhere').workers).toBe(2);
  });

  it('never tells a key', () => {
    for (const keys of ['short', `${KEY},short`, `${KEY} x`]) {
      const read = () => readConfig({ CELLSTEP_API_KEYS: keys });
      expect(read).toThrow(/^CELLSTEP_API_KEYS has a key that is not/);
      expect(read).not.toThrow(KEY);
      expect(read).not.toThrow(/short/);
    }
  });

  it('serves other machines only with keys, or where that is wanted', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1']) {
      expect(() => readConfig({ CELLSTEP_HOST: host })).toThrow(/reachable from other machines.*CELLSTEP_AUTH=none/);
      expect(readConfig({ CELLSTEP_HOST: host, CELLSTEP_API_KEYS: KEY }).host).toBe(host);
      expect(readConfig({ CELLSTEP_HOST: host, CELLSTEP_AUTH: 'none' }).host).toBe(host);
    }
    for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
      expect(readConfig({ CELLSTEP_HOST: host }).apiKeys).toEqual([]);
    }
    expect(() => readConfig({ CELLSTEP_AUTH: 'none', CELLSTEP_API_KEYS: KEY })).toThrow(
      /contradicts CELLSTEP_API_KEYS/,
    );
    const kept = { CELLSTEP_HOST: '::', CELLSTEP_KEYS_FILE: 'keys.json' };
    expect(readConfig(kept)).toMatchObject({ keysFile: 'keys.json', apiKeys: [] });
    expect(() => readConfig({ ...kept, CELLSTEP_AUTH: 'none' })).toThrow(/contradicts CELLSTEP_KEYS_FILE/);
  });

  it('takes tokens of an issuer for an audience, over TLS', () => {
    const issuer = { CELLSTEP_OIDC_ISSUER: 'https://login.example', CELLSTEP_OIDC_AUDIENCE: 'cells,others' };
    expect(readConfig({ ...issuer, CELLSTEP_HOST: '::' }).tokens).toEqual({
      issuer: 'https://login.example',
      audience: ['cells', 'others'],
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      skewSeconds: 30,
      tenantClaim: undefined,
      jwksUrl: undefined,
    });
    expect(() => readConfig({ ...issuer, CELLSTEP_OIDC_AUDIENCE: '' })).toThrow(/needs CELLSTEP_OIDC_AUDIENCE/);
  });
});
