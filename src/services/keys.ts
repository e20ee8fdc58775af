import type { SessionRecord } from '../domain/session.ts';

/** A family of keys of the store. */
export interface KeyFamily {
  /** With the names of its parts in braces. */
  readonly key: string;
  readonly holds: string;
  readonly written: string;
  readonly goes: string;
}

const PIN = 'the opening, forking or restoring of a session that is pinned';
const KEYED = 'a change with an idempotency key';

/**
 * The map of the store. Up to the first `-` of its kind, and with its id, a key names its owner (domain/store-keys.ts): one
 * commit has one owner. The keys of every tenant except the default one begin with `@tenant/` (tenants/tenant-store.ts). A
 * `uid` distinguishes a thing from an earlier one with the same id. Keys are made by the functions below and nowhere else.
 */
export const KEY_FAMILIES: readonly KeyFamily[] = [
  { key: 'cell/{cell}', holds: 'its record', written: 'each change of the cell', goes: 'with the cell' },
  {
    key: 'cell-variable/{cell}/{uid}/{name}/{version}',
    holds: 'the value of one version of a variable',
    written: 'a change of the value',
    goes: 'with the next version, unless a pinned version of the cell has it',
  },
  {
    key: 'cell-graph/{cell}/{uid}',
    holds: 'the file of a cell that is a whole graph',
    written: 'the creation of the cell',
    goes: 'with the cell',
  },
  {
    key: 'cell-optimizer/{cell}/{uid}',
    holds: 'the optimizer of its training: config, iteration and slots',
    written: 'training, and restoring',
    goes: 'when it is deleted, when the cell is restored without one, or with the cell',
  },
  {
    key: 'cell-uses/{cell}',
    holds: 'when a session was last opened on it: a deletion of the cell expects that it stays',
    written: 'the opening of a session',
    goes: 'with the cell',
  },
  {
    key: 'cell-session/{cell}/{session}/{uid}',
    holds: 'that the session is open on the cell',
    written: 'the opening of a session, before the session is there',
    goes: 'after the session, or with the cell',
  },
  {
    key: 'cell-pins/{cell}',
    holds: 'nothing: its revision changes with the pinned versions',
    written: PIN,
    goes: 'with the last pinned version',
  },
  {
    key: 'cell-pin/{cell}/{uid}/{pin}/{session}/{uid}',
    holds: 'that the session is pinned to the version',
    written: PIN,
    goes: 'after the session, or with the cell',
  },
  {
    key: 'cell-version/{cell}/{uid}/{pin}',
    holds: 'the record of a pinned version, and its values where it was restored with values of its own',
    written: PIN,
    goes: 'after the last session that is pinned to it, or with the cell',
  },
  { key: 'variable/{variable}', holds: 'its record and value', written: 'each change', goes: 'with the variable' },
  { key: 'session/{session}', holds: 'its record and states', written: 'each change', goes: 'a day after it expired' },
  {
    key: 'session-step/{session}/{step}',
    holds: 'what the session was after a step',
    written: 'a step of a session with a history',
    goes: 'when the history is full, or with the session',
  },
  { key: 'checkpoint/{checkpoint}', holds: 'its record', written: 'saving it', goes: 'with the checkpoint' },
  {
    key: 'checkpoint-content/{checkpoint}/{uid}/{piece}',
    holds: 'a piece of its file',
    written: 'saving it, and a file as it comes, before the checkpoint is there',
    goes: 'with the checkpoint; without one, when it is clear that there will be none',
  },
  {
    key: 'checkpoint-unfinished/{checkpoint}/{uid}',
    holds: 'nothing: that pieces of a file are written, which no checkpoint has yet',
    written: 'the first piece of a file of several',
    goes: 'when the checkpoint is there, or before the pieces go',
  },
  {
    key: '{kind}-keys/{id}',
    holds: 'how many outcomes of requests with an idempotency key the thing keeps, of how many bytes',
    written: KEYED,
    goes: 'when it keeps none any more, also after the thing',
  },
  {
    key: '{kind}-reply/{id}/{digest}',
    holds: 'the outcome of one request, as its door encoded it',
    written: KEYED,
    goes: 'when its time is over (CELLSTEP_KEY_HOURS), also after the thing',
  },
  {
    key: '{kind}-kept/{id}/{until}/{digest}',
    holds: 'when the outcome may go, in the order of time, and its bytes',
    written: KEYED,
    goes: 'with the outcome',
  },
  {
    key: 'claim/{kind}-{digest}',
    holds: 'the id that a creation with an idempotency key is for',
    written: 'such a creation, first of all',
    goes: 'when its time is over, or when the creation is refused',
  },
  {
    key: 'due/{hour}.{shard}/{thing}',
    holds: 'that it is time to look at a session, a claim, kept outcomes or the pieces of a file',
    written: 'whatever has a time, before it is there',
    goes: 'when it was looked at',
  },
  {
    key: 'probe/room',
    holds: 'nothing: that it could be written',
    written: 'a check of the store, after it had no room',
    goes: 'never',
  },
  { key: 'tenant/{tenant}', holds: 'that the tenant has had something', written: 'its first change', goes: 'never' },
  { key: 'sweep/lease', holds: 'which process sweeps', written: 'sweeping', goes: 'never' },
  {
    key: 'name/{class}',
    holds: 'how many cells of the class were named by the service',
    written: 'the creation of a cell without a name',
    goes: 'never',
  },
];

/** Things that clients make. */
export type Kind = 'cell' | 'variable' | 'session' | 'checkpoint';

/** One of the cells that had an id. */
export interface CellId {
  readonly id: string;
  readonly uid: string;
}

/** The facts about a session that lead to its entries under its cell. */
export type SessionOfCell = Pick<SessionRecord, 'id' | 'uid' | 'cell' | 'cell_uid'>;

/** The record of a thing. It is also the owner of everything that is written together with it. */
export const thingKey = (kind: Kind, id: string): string => `${kind}/${id}`;
/** The records of all things of a kind, in the order of their ids. */
export const thingsPrefix = (kind: Kind): string => `${kind}/`;

export const cellKey = (id: string): string => thingKey('cell', id);
export const variableKey = (id: string): string => thingKey('variable', id);
export const sessionKey = (id: string): string => thingKey('session', id);
export const checkpointKey = (id: string): string => thingKey('checkpoint', id);

/** One version of one value of a cell. */
export function valueKey({ id, uid }: CellId, value: { readonly name: string; readonly version: number }): string {
  return `cell-variable/${id}/${uid}/${value.name}/${value.version}`;
}

export const graphKey = ({ id, uid }: CellId): string => `cell-graph/${id}/${uid}`;

export const optimizerKey = ({ id, uid }: CellId): string => `cell-optimizer/${id}/${uid}`;

export const cellUsesKey = (cell: string): string => `cell-uses/${cell}`;

export const referencesPrefix = (cell: string): string => `cell-session/${cell}/`;

export function referenceKey({ cell, id, uid }: Pick<SessionOfCell, 'cell' | 'id' | 'uid'>): string {
  return `${referencesPrefix(cell)}${id}/${uid}`;
}

export const pinsKey = (cell: string): string => `cell-pins/${cell}`;
export const pinsPrefix = (cell: string): string => `cell-pin/${cell}/`;

/** The pins of a cell's sessions to one version, which has the name `pin`. */
export const pinPrefix = ({ id, uid }: CellId, pin: string): string => `${pinsPrefix(id)}${uid}/${pin}/`;

export function pinKey({ cell, cell_uid, id, uid }: SessionOfCell, pin: string): string {
  return `${pinPrefix({ id: cell, uid: cell_uid }, pin)}${id}/${uid}`;
}

export const versionsPrefix = ({ id, uid }: CellId): string => `cell-version/${id}/${uid}/`;
export const versionKey = (cell: CellId, pin: string): string => `${versionsPrefix(cell)}${pin}`;

export const stepsPrefix = (session: string): string => `session-step/${session}/`;

/** Step numbers sort as texts. */
export const stepKey = (session: string, step: number): string =>
  `${stepsPrefix(session)}${String(step).padStart(16, '0')}`;

/** A whole file, as a former version has kept it. */
export const contentKey = (checkpoint: string): string => `checkpoint-content/${checkpoint}`;
export const piecesPrefix = (checkpoint: string, uid: string): string => `${contentKey(checkpoint)}/${uid}/`;
export const pieceKey = (checkpoint: string, uid: string, piece: string): string =>
  `${piecesPrefix(checkpoint, uid)}${piece}`;
export const UNFINISHED_PREFIX = 'checkpoint-unfinished/';
export const unfinishedKey = (checkpoint: string, uid: string): string => `${UNFINISHED_PREFIX}${checkpoint}/${uid}`;

/** `owner` is the key of a thing. */
export const keptListKey = (owner: string): string => owner.replace('/', '-keys/');
export const outcomeKey = (owner: string, digest: string): string => `${owner.replace('/', '-reply/')}/${digest}`;
/** When outcomes may go, the first one first: times sort as texts. */
export const keptPrefix = (owner: string): string => `${owner.replace('/', '-kept/')}/`;
export const keptKey = (owner: string, until: number, digest: string): string =>
  `${keptPrefix(owner)}${String(until).padStart(16, '0')}/${digest}`;

/** The parts of a key that `keptKey` made. */
export function untilOf(owner: string, key: string): { readonly until: number; readonly name: string } {
  const [until, name] = key.slice(keptPrefix(owner).length).split('/');
  return { until: Number(until), name };
}

const CLAIM = 'claim/';
/** `claim` is what `due` says of it: `<kind>-<digest>`. */
export const claimKey = (claim: string): string => `${CLAIM}${claim}`;

export const DUE_PREFIX = 'due/';
export const dueKey = (hour: string, shard: string, thing: string): string => `${DUE_PREFIX}${hour}.${shard}/${thing}`;

export const PROBE_KEY = 'probe/room';
export const TENANTS_PREFIX = 'tenant/';
export const tenantKey = (tenant: string): string => `${TENANTS_PREFIX}${tenant}`;

export const LEASE_KEY = 'sweep/lease';
export const nameKey = (className: string): string => `name/${className}`;
