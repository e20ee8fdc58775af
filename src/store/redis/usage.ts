import { addUsage, NO_USAGE, type StoredUsage } from '../../domain/usage.ts';
import type { RedisCommands } from './client.ts';
import { BUCKET_NAMES, indexName, usageName, valueName } from './keys.ts';

/** The usage of tenants, summed over all buckets. Each bucket is read at its own moment. */
export async function readUsages(commands: RedisCommands, tenant = ''): Promise<Map<string, StoredUsage>> {
  const sums = new Map<string, StoredUsage>();
  const replies = await Promise.all(BUCKET_NAMES.map((bucket) => readBucket(commands, bucket, tenant)));
  for (const fields of replies) {
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [tenant, what] = fields[at].split('/');
      const part = { ...NO_USAGE, [what]: Number(fields[at + 1]) };
      sums.set(tenant, addUsage(sums.get(tenant) ?? NO_USAGE, part));
    }
  }
  return new Map([...sums].filter(([, { keys }]) => keys > 0));
}

async function readBucket(commands: RedisCommands, bucket: string, tenant: string): Promise<readonly string[]> {
  const keys = [indexName(bucket), usageName(bucket)];
  return (await commands.cellstepUsage(keys.length, ...keys, tenant, valueName(bucket, ''))) as string[];
}

/** Bytes that the server may still store; undefined if it has no limit. */
export function freeBytesOf(info: string): number | undefined {
  const [most, used] = ['maxmemory', 'used_memory'].map((name) =>
    Number(new RegExp(`^${name}:([0-9]+)`, 'm').exec(info)?.[1] ?? 0),
  );
  return most > 0 ? Math.max(0, most - used) : undefined;
}
