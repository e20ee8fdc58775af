import { Problem } from '../domain/problems.ts';

/** @throws {Problem} version-mismatch where If-Match asks for another version. */
export function requireVersion(what: string, version: number, ifMatch: number | undefined): void {
  if (ifMatch === undefined || ifMatch === version) return;
  throw new Problem('version-mismatch', `${what} has version ${version}; If-Match asks for "${ifMatch}".`, {
    headers: { etag: `"${version}"` },
  });
}
