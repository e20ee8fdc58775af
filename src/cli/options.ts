import { type ParseArgsConfig, parseArgs } from 'node:util';
import { Cellstep } from '../../clients/typescript/src/index.ts';

/** A mistake that another command line would fix. */
export class UsageError extends Error {}

/** A mistake in the command line. It is shown with the usage. */
export function isUsageError(error: unknown): boolean {
  return error instanceof UsageError || `${(error as NodeJS.ErrnoException).code}`.startsWith('ERR_PARSE_ARGS');
}

/** Options of every command that calls a service. */
const SERVICE = { url: { type: 'string' }, key: { type: 'string' } } as const;

export const SERVICE_USAGE = '[--url http://127.0.0.1:8080] [--key KEY]';

/** The command line of a command that calls a service: its one argument, its options, and the client. */
export function serviceArguments<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  what: string,
  options: T,
) {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...options, ...SERVICE },
  });
  const [argument, ...more] = positionals;
  if (argument === undefined || more.length > 0) throw new UsageError(`Send one ${what}; ${positionals.length} came.`);
  const { url, key } = values as { readonly url?: string; readonly key?: string };
  const client = new Cellstep({
    url: url ?? process.env.CELLSTEP_URL ?? 'http://127.0.0.1:8080',
    key: key ?? process.env.CELLSTEP_KEY,
  });
  return { argument, values, client };
}
