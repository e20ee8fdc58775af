import { crc32, createInflateRaw } from 'node:zlib';
import type { Bytes } from '../domain/bytes.ts';
import { inTurns } from '../threads/in-turns.ts';
import { type FileLimits, invalidFile, requireWithin } from './bounds.ts';

export const END_SIGNATURE = 0x06054b50;
export const END_BYTES = 22;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
export const ENTRY_SIGNATURE = 0x02014b50;
export const ENTRY_BYTES = 46;
export const LOCAL_SIGNATURE = 0x04034b50;
export const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const [STORED, DEFLATED] = [0, 8];

interface Member {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc: number;
  readonly size: number;
  readonly packed: Uint8Array;
}

/** So many bytes are summed in some 100 microseconds; unpacked ones come in such pieces. */
const SLICE_BYTES = 2 ** 18;

/**
 * The members of a zip archive by name, in the archive's order, unpacked one after another; stored or deflated.
 * Nothing is unpacked until the whole directory is known to be sound and within `limits`.
 * @throws {Problem} invalid-file (zip64, encrypted and multi-disk archives included), limit-exceeded.
 */
export async function readZip(format: string, bytes: Uint8Array, limits: FileLimits): Promise<Map<string, Uint8Array>> {
  requireWithin(format, 'bytes', bytes.length, limits.maxFileBytes);
  const members = readDirectory(format, bytes, limits);
  const total = members.reduce((sum, { size }) => sum + size, 0);
  requireWithin(format, 'unpacked bytes', total, limits.maxUnpackedBytes);
  limits.hold?.(total);
  const result = new Map<string, Uint8Array>();
  for (const member of members) result.set(member.name, await unpack(format, member));
  return result;
}

async function unpack(format: string, { name, deflated, crc, size, packed }: Member): Promise<Uint8Array> {
  let data = packed;
  if (deflated) {
    data = await inflated(packed, size).catch((error: Error) => {
      throw invalidFile(format, `the member '${name}' does not unpack to its ${size} bytes (${error.message}).`, error);
    });
  }
  if (data.length !== size)
    throw invalidFile(format, `the member '${name}' has ${data.length} bytes, but claims ${size}.`);
  if ((await inTurns(checksum(data))) !== crc)
    throw invalidFile(format, `the checksum of the member '${name}' is wrong.`);
  return data;
}

/** Node unpacks outside of this thread, and what comes is copied to its place at once. @throws {Error} beyond `most` bytes */
async function inflated(packed: Uint8Array, most: number): Promise<Uint8Array> {
  const data = new Uint8Array(most);
  const unpacking = createInflateRaw({ chunkSize: SLICE_BYTES });
  unpacking.end(packed);
  let at = 0;
  // What is thrown here ends the unpacking too.
  for await (const piece of unpacking as AsyncIterable<Buffer>) {
    if (at + piece.length > most) throw new RangeError(`there are more than ${most}`);
    data.set(piece, at);
    at += piece.length;
    freeUsedUp(piece);
  }
  return data.subarray(0, at);
}

/**
 * Frees the buffer of what was unpacked when it is used up, as Node has gone on to another by then. Left to the collector of garbage, each
 * 64 MiB of them have it look through the whole heap.
 */
function freeUsedUp({ buffer, byteOffset, length }: Buffer): void {
  const isUsedUp = buffer.byteLength === SLICE_BYTES && byteOffset + length === SLICE_BYTES;
  if (isUsedUp) (buffer as ArrayBuffer).transfer(0);
}

/** CRC-32, in slices. */
export function* checksum(bytes: Bytes): Generator<void, number> {
  let sum = 0;
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    sum = crc32(bytes.subarray(from, Math.min(from + SLICE_BYTES, bytes.length)), sum);
    yield;
  }
  return sum;
}

function readDirectory(format: string, bytes: Uint8Array, limits: FileLimits): Member[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = findEnd(format, view);
  const count = view.getUint16(end + 10, true);
  const length = view.getUint32(end + 12, true);
  const start = view.getUint32(end + 16, true);
  if (count === 0xffff || length === 0xffffffff || start === 0xffffffff)
    throw invalidFile(format, 'it is a zip64 archive; send a plain zip.');
  if (view.getUint32(end + 4, true) !== 0 || view.getUint16(end + 8, true) !== count) {
    throw invalidFile(format, 'it is one part of a multi-disk archive.');
  }
  requireWithin(format, 'members', count, limits.maxTensors);
  if (start + length !== end - end64Bytes(view, end, start))
    throw invalidFile(format, 'its directory does not end where its end record starts.');
  const members = new Map<string, Member & { from: number; to: number }>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_BYTES > start + length || view.getUint32(at, true) !== ENTRY_SIGNATURE)
      throw invalidFile(format, `entry ${i} of its directory is damaged.`);
    const next =
      at + ENTRY_BYTES + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > start + length) throw invalidFile(format, `entry ${i} of its directory is cut off.`);
    const member = readMember(format, bytes, view, at, start);
    if (members.has(member.name)) throw invalidFile(format, `the member '${member.name}' occurs twice.`);
    members.set(member.name, member);
    at = next;
  }
  if (at !== start + length) throw invalidFile(format, 'its directory has more than its entries.');
  requireApart(format, [...members.values()]);
  return [...members.values()];
}

/** The end record stands last, before a comment whose length it gives. */
function findEnd(format: string, view: DataView): number {
  const first = Math.max(0, view.byteLength - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = view.byteLength - END_BYTES; at >= first; at--) {
    if (
      view.getUint32(at, true) === END_SIGNATURE &&
      at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength
    )
      return at;
  }
  throw invalidFile(format, 'it is not a zip archive, or its end is missing.');
}

/** PyTorch writes the end records of zip64 too, before the plain one, and needs them only from 4 GiB on. */
function end64Bytes(view: DataView, end: number, start: number): number {
  const bytes = END64_BYTES + LOCATOR_BYTES;
  const at = end - bytes;
  if (at < start || view.getUint32(at, true) !== END64_SIGNATURE) return 0;
  const isSame = view.getBigUint64(at + 48, true) === BigInt(start);
  return isSame && view.getUint32(at + END64_BYTES, true) === LOCATOR_SIGNATURE ? bytes : 0;
}

function readMember(format: string, bytes: Uint8Array, view: DataView, at: number, directory: number) {
  const nameAt = at + ENTRY_BYTES;
  const nameBytes = bytes.subarray(nameAt, nameAt + view.getUint16(at + 28, true));
  const name = decodeName(format, nameBytes);
  const method = view.getUint16(at + 10, true);
  const packedSize = view.getUint32(at + 20, true);
  const size = view.getUint32(at + 24, true);
  const local = view.getUint32(at + 42, true);
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw invalidFile(format, `the member '${name}' is encrypted.`);
  if (method !== STORED && method !== DEFLATED)
    throw invalidFile(format, `the member '${name}' is packed by method ${method}; send it stored or deflated.`);
  if ([packedSize, size, local].includes(0xffffffff))
    throw invalidFile(format, `the member '${name}' needs zip64; send a plain zip.`);
  if (view.getUint16(at + 34, true) !== 0) throw invalidFile(format, `the member '${name}' is on another disk.`);
  if (local + LOCAL_BYTES > directory || view.getUint32(local, true) !== LOCAL_SIGNATURE) {
    throw invalidFile(format, `the member '${name}' is not where the directory says.`);
  }
  const nameLength = view.getUint16(local + 26, true);
  const localName = bytes.subarray(local + LOCAL_BYTES, local + LOCAL_BYTES + nameLength);
  if (Buffer.compare(localName, nameBytes) !== 0)
    throw invalidFile(format, `the member '${name}' has another name beside its data.`);
  const dataAt = local + LOCAL_BYTES + nameLength + view.getUint16(local + 28, true);
  if (dataAt + packedSize > directory) throw invalidFile(format, `the member '${name}' runs into the directory.`);
  const packed = bytes.subarray(dataAt, dataAt + packedSize);
  return {
    name,
    deflated: method === DEFLATED,
    crc: view.getUint32(at + 16, true),
    size,
    packed,
    from: local,
    to: dataAt + packedSize,
  };
}

function decodeName(format: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw invalidFile(format, 'the name of a member is not UTF-8.', error);
  }
}

/** Members that share bytes are how a small archive claims to be a huge one. */
function requireApart(format: string, members: readonly { name: string; from: number; to: number }[]): void {
  let covered = 0;
  for (const { name, from, to } of members.toSorted((a, b) => a.from - b.from)) {
    if (from < covered) throw invalidFile(format, `the member '${name}' overlaps another one.`);
    covered = to;
  }
}
