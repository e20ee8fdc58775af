import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { Problem } from '../domain/problems.ts';
import { HttpProblem } from '../http/http-problem.ts';
import { LongText } from '../http/json-text.ts';
import type { Reply } from '../http/replies.ts';

/** Decoders by their HTTP names. In HTTP, `deflate` means the zlib format. */
const CODINGS = {
  gzip: { encode: promisify(gzip), decode: promisify(gunzip) },
  deflate: { encode: promisify(deflate), decode: promisify(inflate) },
};
type Coding = keyof typeof CODINGS;

function isCoding(name: string): name is Coding {
  return Object.hasOwn(CODINGS, name);
}

/**
 * A body without its Content-Encoding, at most `maxBytes` long.
 * @throws {Problem} unsupported-media-type, body-too-large, bad-request where it is damaged
 */
export async function decodeBody(bytes: Buffer, coding = 'identity', maxBytes: number): Promise<Buffer> {
  const name = coding.toLowerCase();
  if (name === 'identity') return bytes;
  if (!isCoding(name)) {
    const detail = `Content-Encoding '${coding.slice(0, 80)}' is not taken here. Send gzip, deflate, or the body as it is.`;
    throw new HttpProblem('unsupported-media-type', detail, { 'accept-encoding': 'gzip, deflate, identity' });
  }
  try {
    return (await CODINGS[name].decode(bytes, { maxOutputLength: maxBytes })) as Buffer;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Problem('body-too-large', `The body is over the limit of ${maxBytes} bytes once it is uncompressed.`);
    }
    throw new Problem('bad-request', `The body is not ${name}: ${message}.`);
  }
}

/** Compresses a reply only if the client asks for gzip or deflate alone. Libraries send a list by default. */
export async function encodeReply(reply: Reply, accepted: string | undefined): Promise<Reply> {
  if (accepted === undefined || !isCoding(accepted)) return reply;
  const { body: sent } = reply;
  const whole = typeof sent === 'string' || sent instanceof LongText ? `${sent}` : sent.subarray();
  const body = await CODINGS[accepted].encode(whole);
  return { ...reply, headers: { ...reply.headers, 'content-encoding': accepted, vary: 'Accept-Encoding' }, body };
}
