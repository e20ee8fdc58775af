import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { TokenRules } from '../../src/access/tokens.ts';

/** An issuer of OpenID Connect on loopback, whose keys and failures a test sets. */
export class Issuer {
  readonly asked = { configuration: 0, keys: 0 };
  fails = false;
  /** The host that its configuration says its keys are at. */
  hostOfKeys = '127.0.0.1';
  private readonly server: Server;
  private readonly pairs = new Map<string, { publicKey: CryptoKey; privateKey: CryptoKey; alg: string }>();
  private published: string[] = [];

  constructor() {
    this.server = createServer(async ({ url }, response) => {
      if (this.fails) return void response.writeHead(500).end();
      response.setHeader('content-type', 'application/json');
      if (url === '/.well-known/openid-configuration') {
        this.asked.configuration++;
        const keys = `${this.url.replace('127.0.0.1', this.hostOfKeys)}/keys`;
        return void response.end(JSON.stringify({ issuer: this.url, jwks_uri: keys }));
      }
      this.asked.keys++;
      const keys = this.published.map(async (kid) => {
        const { publicKey, alg } = this.pairs.get(kid) as { publicKey: CryptoKey; alg: string };
        return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
      });
      response.end(JSON.stringify({ keys: await Promise.all(keys) }));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  async addKey(kid: string, alg = 'ES256', publish = true): Promise<void> {
    this.pairs.set(kid, { ...(await generateKeyPair(alg)), alg });
    if (publish) this.published.push(kid);
  }

  publishOnly(...kids: string[]): void {
    this.published = kids;
  }

  /** A token that is good at `now` for a minute, but for what `claims` changes. */
  sign(kid: string, now: number, claims: JWTPayload = {}): Promise<string> {
    const { privateKey, alg } = this.pairs.get(kid) as { privateKey: CryptoKey; alg: string };
    const seconds = Math.floor(now / 1000);
    const payload = {
      iss: this.url,
      aud: 'cells',
      sub: 'ada',
      scope: 'read',
      iat: seconds,
      exp: seconds + 60,
      ...claims,
    };
    const kept = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
    return new SignJWT(kept).setProtectedHeader({ alg, kid }).sign(privateKey);
  }

  rules(more: Partial<TokenRules> = {}): TokenRules {
    return {
      issuer: this.url,
      audience: ['cells'],
      algorithms: ['ES256', 'EdDSA'],
      skewSeconds: 5,
      tenantClaim: undefined,
      jwksUrl: undefined,
      ...more,
    };
  }
}
