import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { quote } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { isOpen } from './auth.ts';

export interface BrowserRules {
  /** Names that a Host header may have, without a port. `loopback`: names of this machine; `any`: all names. */
  readonly hosts: readonly string[] | 'loopback' | 'any';
  /** Origins whose pages may call the service, such as `https://app.example`. */
  readonly corsOrigins: readonly string[];
}

/** A name or address, and perhaps a port. */
const HOST = /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::[0-9]{1,5})?$/i;
const LOOPBACK = /^(localhost|[a-z0-9.-]+\.localhost|127(\.[0-9]{1,3}){3}|\[::1\])\.?$/i;

/**
 * Refuses requests that pages of other sites send through a user's browser. Upgrades to WebSocket pass here too. Programs
 * send none of these headers, so their requests pass.
 */
export function refuseForeignPages(app: FastifyInstance, { hosts, corsOrigins }: BrowserRules): void {
  const isServed = hostTest(hosts);
  const origins = new Set(corsOrigins);
  app.check((request) => {
    const { host, origin, 'sec-fetch-site': site } = request.raw.headers;
    if (host !== undefined && !isServed(host)) return foreignHost(host);
    if (origin !== undefined) {
      if (origins.has(origin) || isSameOrigin(origin, host)) return undefined;
      return foreignPage(`Origin ${quote(origin)}`);
    }
    if (site === undefined || site === 'same-origin' || site === 'none') return undefined;
    return isLinkToPage(request) ? undefined : foreignPage(`Sec-Fetch-Site ${quote(site)}`);
  });
}

/**
 * Whether a Host header names this service. If only its address protects the service, a page under any name that resolves to
 * 127.0.0.1 (DNS rebinding) would have our origin for the browser. Its Host header shows that name.
 */
function hostTest(hosts: BrowserRules['hosts']): (host: string) => boolean {
  if (hosts === 'any') return () => true;
  const names = hosts === 'loopback' ? undefined : new Set(hosts.map((name) => name.toLowerCase()));
  return (host) => {
    const name = HOST.exec(host)?.[1].toLowerCase();
    return name !== undefined && (names ? names.has(name) : LOOPBACK.test(name));
  };
}

/** Compares without the scheme, which a proxy that ends TLS hides from us. */
function isSameOrigin(origin: string, host: string | undefined): boolean {
  const parsed = URL.parse(origin);
  if (!parsed || host === undefined) return false;
  return parsed.host !== '' && URL.parse(`${parsed.protocol}//${host}`)?.host === parsed.host;
}

/** A person who follows a link from elsewhere to one of our pages: the other site learns nothing from it. */
function isLinkToPage(request: FastifyRequest): boolean {
  const { method, headers } = request.raw;
  return method === 'GET' && isNavigation(headers) && isOpen(request);
}

function isNavigation(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function foreignHost(host: string): Problem {
  const detail = `Host ${quote(host)} is not a name of this service. Send the request to localhost or 127.0.0.1, or add the name to CELLSTEP_ALLOWED_HOSTS.`;
  return new Problem('foreign-host', detail);
}

function foreignPage(header: string): Problem {
  const detail = `This request comes from another site: ${header}. Add its origin to CELLSTEP_CORS_ORIGINS if its pages may call this service.`;
  return new Problem('foreign-page', detail);
}
