import { parseArgs } from 'node:util';
import { addKey, KeyChangeError, type Made, revokeKey, rotateKey } from '../access/edit-keys.ts';
import { hasExpired, type KeyEntry } from '../access/key-entry.ts';
import { changeKeysFile, KeysFileError, readKeysFile } from '../access/keys-file.ts';
import { DEFAULT_TENANT, NAME_PATTERN, NAME_RULE, SCOPES, type Scope } from '../domain/identity.ts';
import { quotaCommand, type Said } from './quota.ts';

export const KEYS_USAGE = `usage: cellstep keys create NAME [--scopes read,step,write] [--tenant ${DEFAULT_TENANT}] [--days N]
       cellstep keys list
       cellstep keys rotate NAME [--overlap-hours 24]
       cellstep keys revoke NAME
       cellstep keys quota TENANT [QUOTA=N|none|standard …]
Changes the file of keys that CELLSTEP_KEYS_FILE or --file names. A service that runs reads it again by itself.`;

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs `cellstep keys …`. A mistake of the user is reported in one line, with exit code 2. */
export function keysCommand(args: readonly string[], env: Environment, now: number): Said {
  try {
    return run(args, env, now);
  } catch (error) {
    const mendable = error instanceof KeyChangeError || error instanceof KeysFileError || isArgumentError(error);
    if (!mendable) throw error;
    return { code: 2, stderr: `cellstep keys: ${(error as Error).message}` };
  }
}

function run(args: readonly string[], env: Environment, now: number): Said {
  const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  const [verb, name, ...more] = positionals;
  const path = values.file ?? env.CELLSTEP_KEYS_FILE;
  const isList = verb === 'list' && name === undefined;
  if (
    (more.length > 0 && verb !== 'quota') ||
    !(isList || (name !== undefined && ['create', 'rotate', 'revoke', 'quota'].includes(verb)))
  ) {
    return { code: 2, stderr: KEYS_USAGE };
  }
  if (!path) throw new KeyChangeError('Set CELLSTEP_KEYS_FILE to the file of keys, or send --file PATH.');
  if (isList) return { code: 0, stdout: table(readKeysFile(path).keys, now) };
  switch (verb) {
    case 'create':
      return make(path, (keys) => addKey(keys, readNewKey(name, values), now));
    case 'rotate':
      return make(path, (keys) =>
        rotateKey(keys, name, wholeOf('--overlap-hours', values['overlap-hours'] ?? '24'), now),
      );
    case 'quota':
      return quotaCommand(path, name, more);
    default:
      changeKeysFile(path, (file) => ({ ...file, keys: revokeKey(file.keys, name) }));
      return { code: 0, stderr: `The keys '${name}' are no longer accepted.` };
  }
}

const OPTIONS = {
  file: { type: 'string' },
  scopes: { type: 'string' },
  tenant: { type: 'string' },
  days: { type: 'string' },
  'overlap-hours': { type: 'string' },
} as const;

function make(path: string, change: (keys: readonly KeyEntry[]) => Made): Said {
  let key = '';
  changeKeysFile(path, (file) => {
    const made = change(file.keys);
    key = made.key;
    return { ...file, keys: made.keys };
  });
  return { code: 0, stdout: key, stderr: 'This is the key. It is not kept and cannot be shown again.' };
}

/** @throws {KeyChangeError} */
function readNewKey(
  name: string,
  { scopes = 'read,step,write', tenant = DEFAULT_TENANT, days }: { scopes?: string; tenant?: string; days?: string },
) {
  for (const [what, text] of [
    ['NAME', name],
    ['--tenant', tenant],
  ] as const) {
    if (!NAME_PATTERN.test(text)) throw new KeyChangeError(`${what} '${text}' is not ${NAME_RULE}.`);
  }
  const chosen = scopes.split(',');
  const strange = chosen.find((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (strange !== undefined) {
    throw new KeyChangeError(`--scopes '${strange}' is not one of ${SCOPES.join(', ')}, separated by commas.`);
  }
  return {
    name,
    tenant,
    scopes: chosen as Scope[],
    ...(days === undefined ? {} : { days: wholeOf('--days', days, 1) }),
  };
}

/** @throws {KeyChangeError} */
function wholeOf(option: string, text: string, least = 0): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) >= least) return Number(text);
  throw new KeyChangeError(`${option} '${text}' is not a whole number from ${least} to 99999.`);
}

function table(keys: readonly KeyEntry[], now: number): string {
  const rows = keys.map((entry) => [
    entry.name,
    entry.tenant,
    entry.scopes.join(','),
    entry.created_at,
    entry.expires_at === null ? 'never' : `${entry.expires_at}${hasExpired(entry, now) ? ' (expired)' : ''}`,
  ]);
  const all = [['NAME', 'TENANT', 'SCOPES', 'CREATED', 'EXPIRES'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** An error of parseArgs, such as an unknown option. */
function isArgumentError(error: unknown): boolean {
  return `${(error as NodeJS.ErrnoException).code}`.startsWith('ERR_PARSE_ARGS');
}
