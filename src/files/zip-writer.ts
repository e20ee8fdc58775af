import { type Bytes, JoinedBytes } from '../domain/bytes.ts';
import {
  checksum,
  END_BYTES,
  END_SIGNATURE,
  ENTRY_BYTES,
  ENTRY_SIGNATURE,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
} from './zip.ts';

/** Of zip itself: 2.0. */
const VERSION = 20;
const UTF8_NAME = 0x800;
/** 1 January 1980, at midnight: the same input gives the same bytes. */
const DATE = 0x21;

/**
 * An archive of stored members with a fixed date. Members are summed in slices, and read again when their bytes are asked for,
 * so they must stay as they are.
 */
export function* zipSlices(members: ReadonlyMap<string, Bytes>): Generator<void, Bytes> {
  const parts: Bytes[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of members) {
    const common = commonHead(name, data.length, yield* checksum(data));
    const bytes = Buffer.from(name);
    const local = Buffer.concat([Buffer.alloc(LOCAL_BYTES), bytes]);
    local.writeUInt32LE(LOCAL_SIGNATURE);
    common.copy(local, 4);
    const entry = Buffer.concat([Buffer.alloc(ENTRY_BYTES), bytes]);
    entry.writeUInt32LE(ENTRY_SIGNATURE);
    entry.writeUInt16LE(VERSION, 4);
    common.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, data);
    directory.push(entry);
    offset += local.length + data.length;
  }
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_SIGNATURE);
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return new JoinedBytes([...parts, ...directory, end]);
}

/** What a member has before its data and in the directory: version, flags, method, time, date, CRC-32, sizes, name. */
function commonHead(name: string, size: number, crc: number): Buffer {
  const head = Buffer.alloc(24);
  const length = Buffer.byteLength(name);
  head.writeUInt16LE(VERSION, 0);
  head.writeUInt16LE(length === name.length ? 0 : UTF8_NAME, 2);
  head.writeUInt16LE(DATE, 8);
  head.writeUInt32LE(crc, 10);
  head.writeUInt32LE(size, 14);
  head.writeUInt32LE(size, 18);
  head.writeUInt16LE(length, 22);
  return head;
}
