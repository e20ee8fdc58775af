import { promisify } from 'node:util';
import { createGunzip, createInflate, deflate, gzip } from 'node:zlib';
import { copySlices } from '../domain/bytes.ts';
import { Problem } from '../domain/problems.ts';
import { joined } from '../http/bodies/bytes.ts';
import { HttpProblem } from '../http/http-problem.ts';
import { LongText } from '../http/json/text.ts';
import type { Reply } from '../http/replies/replies.ts';
import { inTurns, type Turn } from '../threads/in-turns.ts';

/** Decoders by their HTTP names. In HTTP, `deflate` means the zlib format. */
const CODINGS = {
  gzip: { encode: promisify(gzip), decoder: createGunzip },
  deflate: { encode: promisify(deflate), decoder: createInflate },
};
type Coding = keyof typeof CODINGS;

function isCoding(name: string): name is Coding {
  return Object.hasOwn(CODINGS, name);
}

/** For what a body is without its Content-Encoding. */
export interface DecodingLimits {
  readonly maxBytes: number;
  /** Counts bytes as they are there. @throws {Problem} overloaded */
  readonly hold: (bytes: number) => void;
  readonly turn: Turn;
}

/** Bytes that are decoded at once. */
const PIECE_BYTES = 2 ** 16;

/**
 * A body without its Content-Encoding.
 * @throws {Problem} unsupported-media-type, body-too-large, overloaded, bad-request where it is damaged
 */
export function decodeBody(
  bytes: Buffer,
  coding: string | undefined,
  limits: DecodingLimits,
): Buffer | Promise<Buffer> {
  const name = coding?.toLowerCase() ?? 'identity';
  if (name === 'identity') return bytes;
  if (isCoding(name)) return decoded(bytes, name, limits);
  const detail = `Content-Encoding '${coding?.slice(0, 80)}' is not taken here. Send gzip, deflate, or the body as it is.`;
  throw new HttpProblem('unsupported-media-type', detail, { 'accept-encoding': 'gzip, deflate, identity' });
}

async function decoded(bytes: Buffer, coding: Coding, { maxBytes, hold, turn }: DecodingLimits): Promise<Buffer> {
  const decoder = CODINGS[coding].decoder({ chunkSize: PIECE_BYTES });
  const pieces: Buffer[] = [];
  let length = 0;
  decoder.end(bytes);
  try {
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > maxBytes) {
        throw new Problem('body-too-large', `The body is over the limit of ${maxBytes} bytes once it is uncompressed.`);
      }
      hold(piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('bad-request', `The body is not ${coding}: ${(error as Error).message}.`);
  }
  return joined(pieces, length, turn);
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
