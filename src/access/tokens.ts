import { hash } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { DEFAULT_TENANT, type Identity, NAME_PATTERN, NAME_RULE, SCOPES, type Scope } from '../domain/identity.ts';
import { quote } from '../domain/json.ts';
import type { Clock } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { isSafeUrl } from './safe-url.ts';

export interface TokenRules {
  /** The issuer of OpenID Connect. Its configuration is under this URL. */
  readonly issuer: string;
  /** A token must name one of these audiences. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  /** How far the clocks of issuer and service may differ. */
  readonly skewSeconds: number;
  /** The claim that names the tenant; without one all tokens are of the default tenant. */
  readonly tenantClaim: string | undefined;
  /** URL of the issuer's keys. Without it, the issuer's configuration names the URL. */
  readonly jwksUrl: string | undefined;
}

type KeysOfIssuer = ReturnType<typeof createRemoteJWKSet>;

const FETCH_MILLISECONDS = 5_000;
const REFRESH_MILLISECONDS = 600_000;
/** After a failure the service waits this long before it asks the issuer again. */
const RETRY_MILLISECONDS = 5_000;
/** A verified token is not verified again for this long. Then the issuer must still have its key. */
const TRUST_MILLISECONDS = 60_000;
const MAX_TRUSTED = 1_000;
/** The characters that a subject has at most (OpenID Connect Core, 2). */
const MAX_SUBJECT = 255;

/** Verifies bearer tokens (JWT) of one issuer of OpenID Connect. */
export class TokenVerifier {
  private readonly rules: TokenRules;
  private readonly clock: Clock;
  /** Keys are hashes of tokens; the oldest come first. */
  private readonly trusted = new Map<string, { readonly identity: Identity; readonly until: number }>();
  private keys: Promise<KeysOfIssuer> | undefined;
  private refreshed = 0;
  private failed = Number.NEGATIVE_INFINITY;

  constructor(rules: TokenRules, clock: Clock) {
    this.rules = rules;
    this.clock = clock;
  }

  /** @throws {Problem} unauthorized, issuer-unavailable */
  async verify(token: string): Promise<Identity> {
    const digest = hash('sha256', token, 'base64');
    const now = this.clock();
    const known = this.trusted.get(digest);
    if (known && now < known.until) return known.identity;
    const payload = await this.payloadOf(token, now);
    const identity = identityOf(payload, this.rules.tenantClaim);
    this.trusted.delete(digest);
    const until = Math.min(now + TRUST_MILLISECONDS, ((payload.exp ?? 0) + this.rules.skewSeconds) * 1000);
    this.trusted.set(digest, { identity, until });
    for (const oldest of this.trusted.keys()) {
      if (this.trusted.size <= MAX_TRUSTED) break;
      this.trusted.delete(oldest);
    }
    return identity;
  }

  private async payloadOf(token: string, now: number): Promise<JWTPayload> {
    const { issuer, audience, algorithms, skewSeconds } = this.rules;
    const options: JWTVerifyOptions = {
      issuer,
      audience: [...audience],
      algorithms: [...algorithms],
      clockTolerance: skewSeconds,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now),
    };
    const keys = await this.keysOfIssuer();
    try {
      return (await jwtVerify(token, keys, options)).payload;
    } catch (error) {
      const wrong = error instanceof errors.JOSEError ? WRONG[error.code] : undefined;
      if (wrong === undefined) throw unavailable(issuer, error);
      const claim = error instanceof errors.JWTClaimValidationFailed ? ` (${error.claim})` : '';
      throw new Problem('unauthorized', `The token ${wrong}${claim}.`);
    }
  }

  /** Fetched for the first token, then from time to time in the background, and for a token with a new key. */
  private async keysOfIssuer(): Promise<KeysOfIssuer> {
    const now = Date.now();
    if (!this.keys) {
      if (now < this.failed + RETRY_MILLISECONDS) throw unavailable(this.rules.issuer, undefined);
      this.keys = this.discover();
      this.keys.catch(() => {
        this.keys = undefined;
        this.failed = Date.now();
      });
      this.refreshed = now;
    }
    const keys = await this.keys;
    if (now > this.refreshed + REFRESH_MILLISECONDS) {
      this.refreshed = now;
      // If the issuer does not answer, its old keys stay valid.
      void keys.reload().catch(() => undefined);
    }
    return keys;
  }

  private async discover(): Promise<KeysOfIssuer> {
    const { issuer, jwksUrl } = this.rules;
    try {
      const keys = createRemoteJWKSet(new URL(jwksUrl ?? (await jwksUrlOf(issuer))), {
        timeoutDuration: FETCH_MILLISECONDS,
        cacheMaxAge: Number.POSITIVE_INFINITY,
      });
      await keys.reload();
      return keys;
    } catch (error) {
      throw unavailable(issuer, error);
    }
  }
}

/** Texts for the errors that jose finds in a token. Other errors are the issuer's. */
const WRONG: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'has a claim that is missing or not right here',
  ERR_JWT_INVALID: 'is not a JSON Web Token',
  ERR_JWS_INVALID: 'is not a JSON Web Token',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'is not signed by its issuer',
  ERR_JWKS_NO_MATCHING_KEY: 'is signed by a key that its issuer does not name',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'does not say which key of its issuer signed it (kid)',
  ERR_JOSE_ALG_NOT_ALLOWED: 'is signed by an algorithm that is not allowed here',
  ERR_JOSE_NOT_SUPPORTED: 'is signed by an algorithm that is not allowed here',
};

async function jwksUrlOf(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MILLISECONDS) });
  const { issuer: named, jwks_uri: jwks } = (await response.json()) as Record<string, unknown>;
  if (!response.ok || typeof jwks !== 'string') throw new Error(`${url} answers ${response.status}, without jwks_uri`);
  if (!isSafeUrl(jwks)) throw new Error(`${url} names keys that are not fetched over https://, ${quote(jwks)}`);
  if (named !== issuer) throw new Error(`${url} is the configuration of another issuer, ${quote(named)}`);
  return jwks;
}

function unavailable(issuer: string, cause: unknown): Problem {
  return new Problem('issuer-unavailable', `The keys of the issuer ${issuer} cannot be fetched.`, { cause });
}

/** @throws {Problem} unauthorized */
function identityOf(payload: JWTPayload, tenantClaim: string | undefined): Identity {
  const { sub } = payload;
  if (typeof sub !== 'string' || sub === '') {
    throw new Problem('unauthorized', 'The token has a claim that is missing or not right here (sub).');
  }
  const tenant = tenantClaim === undefined ? DEFAULT_TENANT : payload[tenantClaim];
  if (typeof tenant !== 'string' || !NAME_PATTERN.test(tenant)) {
    throw new Problem('unauthorized', `The token's claim ${tenantClaim} is not a tenant's name: ${NAME_RULE}.`);
  }
  return { name: sub.slice(0, MAX_SUBJECT), tenant, scopes: scopesOf(payload.scope ?? payload.scp) };
}

/** `read step` or `["read", "step"]`, each with or without the prefix `cellstep:`. Other scopes belong to other services. */
function scopesOf(claim: unknown): ReadonlySet<Scope> {
  const words: readonly unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((scope) => words.includes(scope) || words.includes(`cellstep:${scope}`)));
}
