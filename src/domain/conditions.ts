import { Problem } from './problems.ts';

/** The versions that a request accepts. It is refused if the thing has another one. */
export interface ExpectedVersion {
  readonly versions: readonly number[];
  /** How the request says so, for messages: `If-Match asks for "3"`. */
  readonly asked: string;
}

/** @throws {Problem} version-mismatch if the version is not an expected one */
export function requireVersion(what: string, version: number, expected: ExpectedVersion | undefined): void {
  if (!expected || expected.versions.includes(version)) return;
  throw new Problem('version-mismatch', `${what} has version ${version}; ${expected.asked}.`, { version });
}
