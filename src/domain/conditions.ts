import { Problem } from './problems.ts';

/** The entity tags that If-Match lists, as they were sent: the version has to be one of these. */
export type IfMatch = readonly string[];

/** What names a version of a stored thing in ETag, If-Match and If-None-Match. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * A weak tag (`W/"1"`) is equal to that of no version (RFC 9110, 8.8.3.2).
 * @throws {Problem} version-mismatch where If-Match asks for other versions
 */
export function requireVersion(what: string, version: number, ifMatch: IfMatch | undefined): void {
  if (ifMatch === undefined) return;
  const etag = etagOf(version);
  if (ifMatch.includes(etag)) return;
  throw new Problem('version-mismatch', `${what} has version ${version}; ${askedFor(ifMatch)}.`, { headers: { etag } });
}

const SHOWN = 80;

export function askedFor(tags: IfMatch): string {
  const text = tags.join(', ');
  const asked = `If-Match asks for ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`;
  return tags.some((tag) => tag.startsWith('W/'))
    ? `${asked}; a weak ETag is equal to none, send it without W/`
    : asked;
}
