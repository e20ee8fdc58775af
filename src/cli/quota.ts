import { KeyChangeError } from '../access/edit-keys.ts';
import { changeKeysFile, readKeysFile } from '../access/keys-file.ts';
import type { QuotaEntry } from '../access/quota-entry.ts';
import { NAME_PATTERN, NAME_RULE } from '../domain/identity.ts';
import { QUOTA_NAMES, type QuotaName } from '../domain/quotas.ts';

/** The output of a command: `stdout` for programs, `stderr` for people. */
export interface Said {
  readonly code: 0 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}

/**
 * Sets quotas of a tenant, such as `cells=100`; `none` removes the limit, and `standard` goes back to the environment's. Then
 * shows all quotas.
 * @throws {KeyChangeError} if a tenant, a name or a number is wrong
 */
export function quotaCommand(path: string, tenant: string, settings: readonly string[]): Said {
  if (!NAME_PATTERN.test(tenant)) throw new KeyChangeError(`TENANT '${tenant}' is not ${NAME_RULE}.`);
  const changes = settings.map(readSetting);
  if (changes.length > 0) {
    changeKeysFile(path, (file) => ({
      ...file,
      quotas: { ...file.quotas, [tenant]: changed(file.quotas[tenant] ?? {}, changes) },
    }));
  }
  const { [tenant]: entry = {} } = readKeysFile(path).quotas;
  return { code: 0, stdout: QUOTA_NAMES.map((name) => `${name}=${shown(entry[name])}`).join('\n') };
}

type Setting = readonly [QuotaName, number | null | undefined];

/** @throws {KeyChangeError} */
function readSetting(text: string): Setting {
  const [name, value = ''] = text.split('=');
  const quota = QUOTA_NAMES.find((one) => one === name);
  if (!quota) throw new KeyChangeError(`There is no quota '${name}'. Send one of ${QUOTA_NAMES.join(', ')}.`);
  if (value === 'none') return [quota, null];
  if (value === 'standard') return [quota, undefined];
  if (/^[1-9][0-9]{0,14}$/.test(value)) return [quota, Number(value)];
  throw new KeyChangeError(`${quota} '${value}' is not a whole number from 1 on, none or standard.`);
}

function changed(entry: QuotaEntry, changes: readonly Setting[]): QuotaEntry {
  const all = { ...entry, ...Object.fromEntries(changes) };
  return Object.fromEntries(Object.entries(all).filter(([, limit]) => limit !== undefined));
}

function shown(limit: number | null | undefined): string {
  return limit === undefined ? 'standard' : limit === null ? 'none' : `${limit}`;
}
