import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JSON_LINES } from '../../domain/media-types.ts';
import { clientGone } from '../../domain/problems.ts';
import { jsonText } from '../json/text.ts';
import { asProblem, logFault, problemDocument } from './problem-replies.ts';
import type { Reply } from './replies.ts';

/** The media type of such a reply. */
export const [LINES_TYPE] = JSON_LINES;

/** One JSON text a line. */
export function linesText(lines: readonly object[]): string {
  return lines.map((line) => `${jsonText(line)}\n`).join('');
}

interface Lines {
  /** Sends a line ahead of the reply. */
  readonly write: (line: object) => void;
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal;
}

/**
 * A reply whose lines are sent as they are made. `act` answers with all lines; if some were sent ahead, only the last one is
 * sent then. An error after the first line becomes the last line, `{ "status", "problem" }`.
 */
export function followLines(
  request: FastifyRequest,
  reply: FastifyReply,
  act: (lines: Lines) => Promise<Reply>,
): Promise<Reply | Readable> {
  const hungUp = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) hungUp.abort(clientGone());
  });
  return new Promise((resolve, reject) => {
    let stream: Readable | undefined;
    const write = (line: object) => {
      if (!stream) {
        // A slow reader blocks nothing: one reply has few lines.
        stream = new Readable({ read: () => {} });
        reply.code(200).header('content-type', LINES_TYPE);
        resolve(stream);
      }
      stream.push(linesText([line]));
    };
    act({ write, signal: hungUp.signal }).then(
      (made) => {
        if (!stream) return resolve(made);
        stream.push(lastLine(String(made.body)));
        stream.push(null);
      },
      (error: unknown) => {
        if (!stream) return reject(error);
        if (!hungUp.signal.aborted) stream.push(linesText([failure(request, error)]));
        stream.push(null);
      },
    );
  });
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n', text.length - 2) + 1);
}

function failure(request: FastifyRequest, error: unknown): object {
  const problem = asProblem(error);
  logFault(request.log, problem);
  return { status: problem.status, problem: problemDocument(problem, request.url, request.id) };
}
