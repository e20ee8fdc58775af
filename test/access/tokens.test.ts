import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenVerifier } from '../../src/access/tokens.ts';
import { eventually } from '../support/until.ts';
import { Issuer } from './issuer.ts';

const NOW = Date.UTC(2030, 0, 1);

describe('a bearer token', () => {
  let issuer: Issuer;
  let now: number;
  beforeEach(async () => {
    now = NOW;
    issuer = await new Issuer().start();
    await issuer.addKey('one');
  });
  afterEach(() => {
    vi.useRealTimers();
    issuer.close();
  });
  const verifier = (more = {}) => new TokenVerifier(issuer.rules(more), () => now);

  it('tells who sent the request, by its subject, scopes and tenant', async () => {
    const plain = await verifier().verify(await issuer.sign('one', now));
    expect(plain).toEqual({ name: 'ada', tenant: 'default', scopes: new Set(['read']) });
    const claims = { scope: 'openid cellstep:step write nothing', org: 'acme' };
    const rich = await verifier({ tenantClaim: 'org' }).verify(await issuer.sign('one', now, claims));
    expect(rich).toEqual({ name: 'ada', tenant: 'acme', scopes: new Set(['step', 'write']) });
    const listed = await verifier().verify(await issuer.sign('one', now, { scope: undefined, scp: ['admin'] }));
    expect(listed.scopes).toEqual(new Set(['admin']));
  });

  it.each([
    ['of another issuer', { iss: 'https://evil.example' }, /\(iss\)/],
    ['for another audience', { aud: 'others' }, /\(aud\)/],
    ['without an audience', { aud: undefined }, /\(aud\)/],
    ['without an end', { exp: undefined }, /\(exp\)/],
    ['without a subject', { sub: undefined }, /\(sub\)/],
    ['with an empty subject', { sub: '' }, /\(sub\)/],
    ['with a subject that is not text', { sub: 7 as unknown as string }, /\(sub\)/],
    ['that begins later', { nbf: NOW / 1000 + 60 }, /\(nbf\)/],
    ['that has expired', { exp: NOW / 1000 - 60 }, /has expired/],
  ])('%s does not let in', async (_what, claims, detail) => {
    const verified = verifier().verify(await issuer.sign('one', now, claims));
    await expect(verified).rejects.toMatchObject({ code: 'unauthorized', message: expect.stringMatching(detail) });
  });

  it('is good for as long as the clocks may differ, and no longer', async () => {
    const tokens = verifier();
    const token = await issuer.sign('one', now);
    now = NOW + 64_000;
    expect(await tokens.verify(token)).toMatchObject({ name: 'ada' });
    now = NOW + 66_000;
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('that names a tenant which cannot be, or none where one is asked for, does not let in', async () => {
    for (const org of [undefined, 7, '', '../x', 'A B', 'x'.repeat(64)]) {
      const verified = verifier({ tenantClaim: 'org' }).verify(await issuer.sign('one', now, { org }));
      await expect(verified, `${org}`).rejects.toMatchObject({ code: 'unauthorized' });
    }
  });

  it('is refused if it was changed, or signed by another key, by no key, or by the public key as a secret', async () => {
    const [head, payload, signature] = (await issuer.sign('one', now)).split('.');
    const text = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
    const more = text({ ...JSON.parse(`${Buffer.from(payload, 'base64url')}`), scope: 'admin' });
    const none = text({ alg: 'none' });
    const secret = text({ alg: 'HS256', kid: 'one' });
    await issuer.addKey('unpublished', 'ES256', false);
    const bad = [`${head}.${more}.${signature}`, `${none}.${payload}.`, `${secret}.${payload}.${signature}`, 'a.b.c'];
    for (const token of [...bad, await issuer.sign('unpublished', now)]) {
      await expect(verifier().verify(token), token).rejects.toMatchObject({ code: 'unauthorized' });
    }
    await issuer.addKey('rsa', 'RS256');
    const disallowed = verifier().verify(await issuer.sign('rsa', now));
    await expect(disallowed).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringMatching(/algorithm/),
    });
  });

  it('is verified by keys that are fetched once', async () => {
    const tokens = verifier();
    for (let k = 0; k < 5; k++) await tokens.verify(await issuer.sign('one', now, { jti: `${k}` }));
    expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
  });

  it('is verified by a key that is new, once a while has passed since keys were fetched', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const tokens = verifier();
    await tokens.verify(await issuer.sign('one', now));
    await issuer.addKey('two');
    vi.setSystemTime(NOW + 60_000);
    expect(await tokens.verify(await issuer.sign('two', now))).toMatchObject({ name: 'ada' });
    // Both let in while the issuer names both.
    expect(await tokens.verify(await issuer.sign('one', now, { jti: 'again' }))).toMatchObject({ name: 'ada' });
    expect(issuer.asked).toEqual({ configuration: 1, keys: 2 });
  });

  it('is refused once its issuer no longer names its key: at the latest after eleven minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await issuer.addKey('two');
    const tokens = verifier();
    const token = await issuer.sign('one', now, { exp: NOW / 1000 + 3_600 });
    await tokens.verify(token);
    issuer.publishOnly('two');
    now = NOW + 59_000;
    expect(await tokens.verify(token), 'for a minute').toMatchObject({ name: 'ada' });
    now = NOW + 601_000;
    vi.setSystemTime(now);
    // The first token after ten minutes has the keys fetched again, in the background.
    await tokens.verify(await issuer.sign('two', now));
    await eventually(async () => {
      const next = await issuer.sign('one', now, { jti: `${Math.random()}` });
      await expect(tokens.verify(next)).rejects.toMatchObject({ code: 'unauthorized' });
    });
    expect(issuer.asked.keys).toBe(2);
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('is answered by 503 while the issuer does not answer; those that are known go on', async () => {
    issuer.fails = true;
    await expect(verifier().verify(await issuer.sign('one', now))).rejects.toMatchObject({
      code: 'issuer-unavailable',
    });
    issuer.fails = false;
    const tokens = verifier();
    await tokens.verify(await issuer.sign('one', now));
    issuer.fails = true;
    expect(await tokens.verify(await issuer.sign('one', now, { jti: 'later' }))).toMatchObject({ name: 'ada' });
  });

  it('is not verified by keys that come over the network without TLS', async () => {
    const verify = async () => verifier().verify(await issuer.sign('one', now));
    issuer.hostOfKeys = 'localhost';
    expect(await verify()).toMatchObject({ name: 'ada' });
    // The same machine by a name that is not known to be this one.
    issuer.hostOfKeys = '127.0.0.1.';
    await expect(verify()).rejects.toMatchObject({ code: 'issuer-unavailable' });
    expect(issuer.asked.keys).toBe(1);
  });

  it('is not taken from an issuer whose configuration names another', async () => {
    const elsewhere = verifier({ issuer: `${issuer.url}/` });
    await expect(elsewhere.verify(await issuer.sign('one', now))).rejects.toMatchObject({ code: 'issuer-unavailable' });
  });
});
