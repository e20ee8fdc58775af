import { Problem } from './problems.ts';

/** What a weak ETag in If-Match asks for: versions count from 1, and it is equal to none of them (RFC 9110, 8.8.3.2). */
export const NO_VERSION = 0;

/** @throws {Problem} version-mismatch where If-Match asks for another version. */
export function requireVersion(what: string, version: number, ifMatch: number | undefined): void {
  if (ifMatch === undefined || ifMatch === version) return;
  throw new Problem('version-mismatch', `${what} has version ${version}; ${askedFor(ifMatch)}.`, {
    headers: { etag: `"${version}"` },
  });
}

export function askedFor(ifMatch: number): string {
  return ifMatch === NO_VERSION
    ? 'If-Match has a weak ETag, which is equal to none; send it without W/'
    : `If-Match asks for "${ifMatch}"`;
}
