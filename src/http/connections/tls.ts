import { readFileSync } from 'node:fs';
import { createSecureContext, type Server as TlsServer } from 'node:tls';
import type { FastifyBaseLogger } from 'fastify';
import { watchFiles } from '../../access/watch-files.ts';

/** Paths of a certificate (with its chain) and its key, both PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** The variables that name them, for messages. */
  readonly variables: string;
}

/** A mistake in the files, explained for a person. */
export class TlsFilesError extends Error {}

/** Reads both files and checks that they fit each other. @throws {TlsFilesError} */
export function readTls(files: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  try {
    const pair = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    createSecureContext(pair);
    return pair;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TlsFilesError(
      `${files.variables}: '${files.cert}' and '${files.key}' are not a certificate and its key: ${code ?? message}`,
    );
  }
}

/**
 * Gives a server the new certificate when its files change. Open connections keep the old one. Returns a function that stops
 * it.
 */
export function watchTls(
  server: TlsServer,
  files: TlsFiles,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
): () => void {
  return watchFiles([files.cert, files.key], () => {
    try {
      server.setSecureContext(readTls(files));
      log.info(`${files.variables} were read again`);
    } catch (error) {
      // Perhaps only one of the two files is new yet.
      log.error(`${(error as Error).message}; the former ones stay`);
    }
  });
}
