import { otherFormat, StoreOpenError } from '../store-open-error.ts';
import type { RedisClient, RedisCommands, RedisServer } from './client.ts';
import { FORMAT_NAME } from './keys.ts';

/** Version 1 had no index of times, so its sessions would never be removed. */
const FORMAT_VERSION = '3';
/** Its sessions are JSON records, which this version also reads. The store is marked with the new format. */
const FORMAT_BEFORE = '2';

/** Writes the version of the layout if there is none. Throws StoreOpenError for another version. */
export async function claimFormat(commands: RedisCommands, shown: string): Promise<void> {
  let format = await commands.get(FORMAT_NAME);
  if (format === null) {
    await commands.set(FORMAT_NAME, FORMAT_VERSION, 'NX');
    format = await commands.get(FORMAT_NAME);
  }
  if (format === FORMAT_BEFORE) {
    await commands.set(FORMAT_NAME, FORMAT_VERSION, 'XX');
    return;
  }
  if (format !== FORMAT_VERSION) {
    throw otherFormat(`store ${shown}`, String(format), FORMAT_VERSION);
  }
}

interface Inspection {
  readonly shown: string;
  readonly cluster: boolean;
  readonly waitReplicas: number;
}

/**
 * Warnings for the operator: each line is about a setting by which the server may lose acknowledged commits or drop data.
 * Throws StoreOpenError for an unusable server: a replica, or one node of a cluster.
 */
export async function inspectServers(client: RedisClient, inspection: Inspection): Promise<string[]> {
  const found = await Promise.all(
    client.servers().map(async ({ address, server }) => {
      const info = parseInfo(await server.info());
      refuse(info, inspection);
      const settings = new Map([
        ['appendfsync', await readSetting(server, 'appendfsync')],
        ['save', await readSetting(server, 'save')],
      ]);
      return warningsOf(info, settings, inspection.waitReplicas).map((text) => `store ${address} ${text}`);
    }),
  );
  return found.flat();
}

function refuse(info: ReadonlyMap<string, string>, { shown, cluster }: Inspection): void {
  if (!cluster && info.get('cluster_enabled') === '1') {
    throw new StoreOpenError(`store ${shown} is a node of a cluster; write redis+cluster:// with some of its nodes`);
  }
  if (!cluster && info.get('role') === 'slave') {
    throw new StoreOpenError(`store ${shown} is a read-only replica; name the primary`);
  }
}

function warningsOf(
  info: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string | undefined>,
  waitReplicas: number,
): string[] {
  const warnings: string[] = [];
  const policy = info.get('maxmemory_policy');
  if (policy !== 'noeviction') {
    warnings.push(`drops keys when its memory is full (maxmemory-policy ${policy ?? 'unknown'}); set noeviction`);
  }
  if (info.get('aof_enabled') !== '1') {
    const kept = settings.get('save') === '' ? 'everything' : 'what was acknowledged since its last snapshot';
    warnings.push(`loses ${kept} when it dies (appendonly no); set appendonly yes and appendfsync always`);
  } else if (settings.get('appendfsync') !== 'always') {
    const setting = `appendfsync ${settings.get('appendfsync') ?? 'unknown, since CONFIG GET is refused'}`;
    warnings.push(`may lose the last acknowledged writes when it dies (${setting}); set appendfsync always`);
  }
  const replicas = Number(info.get('connected_slaves') ?? 0);
  if (replicas < waitReplicas) {
    warnings.push(`has ${replicas} replicas and commits wait for ${waitReplicas}; none can be acknowledged`);
  }
  if (replicas > 0 && waitReplicas === 0) {
    warnings.push('has replicas that no commit waits for; a failover may lose the last acknowledged writes');
  }
  return warnings;
}

/** undefined if the setting may not be read, as at many hosters. */
async function readSetting(server: RedisServer, name: string): Promise<string | undefined> {
  try {
    const reply = await server.config('GET', name);
    return Array.isArray(reply) && typeof reply[1] === 'string' ? reply[1] : undefined;
  } catch {
    return undefined;
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
