import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyRing } from '../../src/access/key-ring.ts';
import { readKeysFile } from '../../src/access/keys-file.ts';
import { keysCommand } from '../../src/cli/keys.ts';

const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

describe('cellstep keys', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-keys-'));
    file = join(directory, 'keys.json');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = (line: string, now = NOW) => keysCommand(line.split(' '), { CELLSTEP_KEYS_FILE: file }, now);
  const find = (key: string | undefined, now: number) => {
    const ring = new KeyRing([]);
    ring.replace(readKeysFile(file).keys);
    return ring.find(`${key}`, now);
  };

  it('makes a key, of which the file keeps a hash alone that only its owner may read', () => {
    const { code, stdout: key } = run('create ci --scopes read,step --tenant acme');
    expect(code).toBe(0);
    expect(key).toMatch(/^cellstep_[\w-]{43}$/);
    expect(readFileSync(file, 'utf8')).not.toContain(`${key}`.slice(9));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(find(key, NOW)).toEqual({ name: 'ci', tenant: 'acme', scopes: new Set(['read', 'step']) });
    expect(find(`${key}x`, NOW)).toBeUndefined();
  });

  it('lets a key end after its days', () => {
    const { stdout: key } = run('create ci --days 2');
    expect(find(key, NOW + 48 * HOUR - 1)).toBeDefined();
    expect(find(key, NOW + 48 * HOUR)).toBeUndefined();
  });

  it('rotates with an overlap, in which both keys let in', () => {
    const { stdout: former } = run('create ci');
    const { stdout: next } = run('rotate ci --overlap-hours 2');
    expect(next).not.toBe(former);
    expect(find(former, NOW + 2 * HOUR - 1)).toBeDefined();
    expect(find(former, NOW + 2 * HOUR)).toBeUndefined();
    expect(find(next, NOW + 9_999 * HOUR)).toMatchObject({ name: 'ci', scopes: new Set(['read', 'step', 'write']) });
  });

  it('revokes all keys of a name at once', () => {
    const { stdout: former } = run('create ci');
    const { stdout: next } = run('rotate ci');
    const { stdout: other } = run('create other');
    expect(run('revoke ci').code).toBe(0);
    expect([former, next, other].map((key) => find(key, NOW) !== undefined)).toEqual([false, false, true]);
  });

  it('lists names, tenants, scopes and times', () => {
    run('create ci --days 1');
    run('create admin --scopes admin --tenant ops');
    const { stdout } = run('list', NOW + 24 * HOUR);
    expect(stdout?.split('\n')).toEqual([
      expect.stringMatching(/^NAME +TENANT +SCOPES +CREATED +EXPIRES$/),
      expect.stringMatching(
        /^ci +default +read,step,write +2030-01-01T00:00:00.000Z +2030-01-02T00:00:00.000Z \(expired\)$/,
      ),
      expect.stringMatching(/^admin +ops +admin +2030-01-01T00:00:00.000Z +never$/),
    ]);
  });

  it.each([
    ['create ci', "There is a key 'ci' already"],
    ['create CI', "NAME 'CI' is not"],
    ['create x --tenant ../y', "--tenant '../y' is not"],
    ['create x --scopes read,fly', "--scopes 'fly' is not one of read, step, write, admin"],
    ['create x --days soon', "--days 'soon' is not a whole number"],
    ['create x --days 0', "--days '0' is not a whole number from 1"],
    ['create x --colour red', "Unknown option '--colour'"],
    ['rotate nobody', "There is no key 'nobody'"],
    ['revoke nobody', "There is no key 'nobody'"],
    ['create', 'usage: cellstep keys create NAME'],
    ['forget ci', 'usage: cellstep keys create NAME'],
    ['create a b', 'usage: cellstep keys create NAME'],
  ])('refuses %j and changes nothing', (line, message) => {
    run('create ci');
    const before = readFileSync(file, 'utf8');
    const said = run(line);
    expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    expect(said.stdout).toBeUndefined();
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('says what is wrong with a file, and leaves it as it is', () => {
    expect(run('list').stderr).toMatch(/cannot be read \(ENOENT\)/);
    writeFileSync(file, '{"keys":[{"name":"x"}]}');
    expect(run('create y').stderr).toMatch(/has a mistake at \/keys\/0\/tenant/);
    expect(readFileSync(file, 'utf8')).toBe('{"keys":[{"name":"x"}]}');
    expect(keysCommand(['list'], {}, NOW).stderr).toContain('Set CELLSTEP_KEYS_FILE');
  });

  it('makes no file that no service would read', () => {
    run('create ci');
    const { keys } = readKeysFile(file);
    const many = Array.from({ length: 10_000 }, (_, k) => ({ ...keys[0], sha256: String(k).padStart(64, '0') }));
    writeFileSync(file, JSON.stringify({ keys: many }));
    expect(run('create one-more')).toMatchObject({ code: 2, stderr: expect.stringContaining('<=10000 items') });
    const long = many.map((key) => ({
      ...key,
      scopes: ['read', 'step', 'write', 'admin'],
      name: 'x'.repeat(63),
      tenant: 'y'.repeat(63),
    }));
    writeFileSync(file, JSON.stringify({ keys: long }));
    expect(run('quota acme cells=1')).toMatchObject({ code: 2, stderr: expect.stringContaining('bytes; at most') });
    expect(readKeysFile(file).keys).toHaveLength(10_000);
  });

  it('lets those read the file who could read it before', () => {
    run('create ci');
    chmodSync(file, 0o640);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(file, 1234, 5678);
    run('rotate ci');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    if (isRoot) expect(statSync(file)).toMatchObject({ uid: 1234, gid: 5678 });
  });

  it('refuses a file in which one key has two owners', () => {
    run('create ci');
    const { keys } = readKeysFile(file);
    writeFileSync(file, JSON.stringify({ keys: [...keys, { ...keys[0], name: 'boss', scopes: ['admin'] }] }));
    expect(run('list').stderr).toMatch(/mistake at \/keys\/1\/sha256: is the key of 'ci' already/);
  });

  it('does not change a file that another command is changing', () => {
    run('create ci');
    writeFileSync(`${file}.new`, '');
    expect(run('revoke ci')).toMatchObject({ code: 2, stderr: expect.stringContaining('another command') });
    expect(readKeysFile(file).keys).toHaveLength(1);
  });
});

describe('cellstep keys quota', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-keys-'));
    file = join(directory, 'keys.json');
    run('create ci --tenant acme');
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const run = (line: string) => keysCommand(line.split(' '), { CELLSTEP_KEYS_FILE: file }, NOW);

  it('sets, lifts and shows quotas of a tenant, and keeps the keys', () => {
    expect(run('quota acme cells=100 sessions=none').stdout).toContain('cells=100\nsessions=none\nvariables=standard');
    run('quota acme cells=standard connections=5');
    expect(readKeysFile(file)).toMatchObject({
      keys: [{ name: 'ci' }],
      quotas: { acme: { sessions: null, connections: 5 } },
    });
    expect(readKeysFile(file).quotas.acme).not.toHaveProperty('cells');
    run('revoke ci');
    expect(readKeysFile(file).quotas.acme.connections).toBe(5);
  });

  it('says what is wrong, and changes nothing', () => {
    const before = readFileSync(file, 'utf8');
    expect(run('quota acme boats=1').stderr).toMatch(/no quota 'boats'.*cells, sessions/);
    expect(run('quota acme cells=-1').stderr).toMatch(/cells '-1' is not a whole number/);
    expect(run('quota Acme cells=1').stderr).toMatch(/TENANT 'Acme' is not/);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
