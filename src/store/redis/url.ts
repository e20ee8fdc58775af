import { StoreOpenError } from '../store-open-error.ts';

/** A certificate and its key, both PEM. */
export interface ClientCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface RedisTarget {
  readonly cluster: boolean;
  readonly tls: boolean;
  /** One server, or some nodes of the cluster, which name the others. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
  /** Shown to the server, over TLS. */
  readonly certificate?: ClientCertificate;
  /** 0 in a cluster, which has no others. */
  readonly database: number;
  /** The URL without user name and password, for messages. */
  readonly shown: string;
}

export const REDIS_FORMS = 'redis://[user:password@]host[:port][/database] or redis+cluster://host:port,host:port';

const URL_FORM = /^redis(s?)(\+cluster)?:\/\/(?:([^@/]*)@)?([^@/?#]+?)(?:\/([0-9]{0,5}))?$/;
const NODE_FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::([0-9]{1,5}))?$/;

export function isRedisUrl(url: string): boolean {
  return /^rediss?(\+cluster)?:/.test(url);
}

/**
 * Reads `redis://`, `rediss://` (TLS) and the same with `+cluster`; user name and password are percent-encoded. Throws
 * StoreOpenError, which does not quote the password, for a URL of another form.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match = URL_FORM.exec(url);
  if (match === null) throw malformed(url);
  const [, tls, clustered, credentials, hosts, database = ''] = match;
  const cluster = clustered !== undefined;
  const nodes = hosts.split(',').map((node) => {
    const [, six, name, port = '6379'] = NODE_FORM.exec(node) ?? [];
    if ((six ?? name) === undefined || Number(port) < 1 || Number(port) > 65_535) throw malformed(url);
    return { host: six ?? name, port: Number(port) };
  });
  if (!cluster && nodes.length > 1) throw malformed(url);
  if (cluster && Number(database) > 0) {
    throw new StoreOpenError(`store ${withoutCredentials(url)} names a database; a cluster has only one`);
  }
  return {
    cluster,
    tls: tls === 's',
    nodes,
    ...readCredentials(url, credentials),
    database: Number(database),
    shown: withoutCredentials(url),
  };
}

function readCredentials(url: string, text = ''): { username?: string; password?: string } {
  const colon = text.indexOf(':');
  if (text !== '' && colon < 0) throw malformed(url);
  try {
    const username = decodeURIComponent(text.slice(0, Math.max(0, colon)));
    const password = decodeURIComponent(text.slice(colon + 1));
    return { ...(username && { username }), ...(password && { password }) };
  } catch {
    throw malformed(url);
  }
}

function malformed(url: string): StoreOpenError {
  return new StoreOpenError(`store ${JSON.stringify(withoutCredentials(url))} is malformed; use ${REDIS_FORMS}`);
}

/** The message goes to a log. Up to the last @, since a password may have been left with one in it. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z+]*:\/\/).*@/s, '$1***@').replace(/\?.*/s, '?***');
}
