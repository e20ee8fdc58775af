import type { ExpectedVersion } from '../../domain/conditions.ts';
import { Problem } from '../../domain/problems.ts';

/** An entity tag (RFC 9110, 8.8.3) and what may be around it in a list, whose elements may be empty (5.6.1). */
const ELEMENT = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y;
const REST = /[ \t,]*$/y;

/** The entity tags that a header lists, as written there; undefined if it is not such a list, or if the list is empty. */
export function readEntityTags(header: string): readonly string[] | undefined {
  const tags: string[] = [];
  let at = 0;
  for (let match = matchAt(ELEMENT, header, at); match; match = matchAt(ELEMENT, header, at)) {
    tags.push(match[1]);
    at += match[0].length;
  }
  return tags.length > 0 && matchAt(REST, header, at) ? tags : undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** The tag of a version of a stored thing, for ETag, If-Match and If-None-Match. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

const SHOWN = 80;

/**
 * The versions that If-Match lists. A weak tag (`W/"1"`) never matches a version (RFC 9110, 8.8.3.2).
 * @throws {Problem} invalid-header
 */
export function readIfMatch(header: string | undefined): ExpectedVersion | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  const tags = readEntityTags(header);
  if (tags) return { versions: tags.flatMap(versionOf), asked: askedFor(tags) };
  const detail = `If-Match '${header.slice(0, SHOWN)}' is not a list of ETags. Send "<version>" in double quotes, several with commas between them, or *.`;
  throw new Problem('invalid-header', detail, { errors: [{ pointer: 'If-Match', detail }] });
}

function versionOf(tag: string): number[] {
  const version = Number(/^"([0-9]{1,16})"$/.exec(tag)?.[1]);
  return etagOf(version) === tag ? [version] : [];
}

function askedFor(tags: readonly string[]): string {
  const text = tags.join(', ');
  const asked = `If-Match asks for ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`;
  return tags.some((tag) => tag.startsWith('W/')) ? `${asked}; a weak ETag never matches; send it without W/` : asked;
}
