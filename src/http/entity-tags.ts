/** An entity tag (RFC 9110, 8.8.3) and what may be around it in a list, whose elements may be empty (5.6.1). */
const ELEMENT = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y;
const REST = /[ \t,]*$/y;

/** The entity tags that a header lists, as they stand in it; undefined where it is no such list, or one of none. */
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
