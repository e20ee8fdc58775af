import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { copySlices } from '../domain/bytes.ts';
import { Problem } from '../domain/problems.ts';
import { HttpProblem } from '../http/http-problem.ts';
import { LongText } from '../http/json-text.ts';
import type { Reply } from '../http/replies.ts';
import { inTurns } from '../threads/in-turns.ts';

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
export function decodeBody(bytes: Buffer, coding: string | undefined, maxBytes: number): Buffer | Promise<Buffer> {
  const name = coding?.toLowerCase() ?? 'identity';
  if (name === 'identity') return bytes;
  if (isCoding(name)) return decoded(bytes, name, maxBytes);
  const detail = `Content-Encoding '${coding?.slice(0, 80)}' is not taken here. Send gzip, deflate, or the body as it is.`;
  throw new HttpProblem('unsupported-media-type', detail, { 'accept-encoding': 'gzip, deflate, identity' });
}

async function decoded(bytes: Buffer, coding: Coding, maxBytes: number): Promise<Buffer> {
  try {
    return (await CODINGS[coding].decode(bytes, { maxOutputLength: maxBytes })) as Buffer;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Problem('body-too-large', `The body is over the limit of ${maxBytes} bytes once it is uncompressed.`);
    }
    throw new Problem('bad-request', `The body is not ${coding}: ${message}.`);
  }
}

/**
 * How a reply is compressed: only if the client asks for gzip or deflate alone, since libraries send a list by default.
 * Undefined: not at all.
 */
export function codingOf(accepted: string | undefined): Coding | undefined {
  return accepted !== undefined && isCoding(accepted) ? accepted : undefined;
}

export async function encodeReply(reply: Reply, coding: Coding): Promise<Reply> {
  const { body: sent } = reply;
  const isText = typeof sent === 'string' || sent instanceof LongText;
  const whole = isText ? `${sent}` : await inTurns(copySlices(sent, Buffer.allocUnsafe(sent.length)));
  const body = await CODINGS[coding].encode(whole);
  return { ...reply, headers: { ...reply.headers, 'content-encoding': coding, vary: 'Accept-Encoding' }, body };
}
