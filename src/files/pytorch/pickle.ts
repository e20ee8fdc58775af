import { type FileLimits, invalidFile, requireWithin } from '../bounds.ts';

const FORMAT = 'PyTorch';
/** So many are carried out in a millisecond or so. */
const SLICE_OPCODES = 2 ** 11;

/** A name of Python, which is never looked up. */
export class PythonName {
  readonly name: string;

  constructor(module: string, name: string) {
    this.name = `${module}.${name}`;
  }
}

/** A call that the pickle asks for, which is never made. */
export class PythonCall {
  readonly called: Pickled;
  readonly args: Pickled;

  constructor(called: Pickled, args: Pickled) {
    this.called = called;
    this.args = args;
  }
}

/** A reference to data outside the pickle. */
export class PersistentId {
  readonly id: Pickled;

  constructor(id: Pickled) {
    this.id = id;
  }
}

export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | PythonName
  | PythonCall
  | PersistentId;

const MARK = Symbol('mark');
type Slot = Pickled | typeof MARK;

/**
 * The effect of each opcode. These are the opcodes of protocols 2 to 5 that torch.save writes; Python's pickletools.py
 * describes them all.
 */
type Operation = (machine: Machine) => void;

const OPERATIONS: Readonly<Record<number, Operation>> = {
  128: (m) => m.unsigned(1), // PROTO
  149: (m) => m.take(8), // FRAME
  40: (m) => m.push(MARK), // MARK
  48: (m) => m.pop(), // POP
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  74: (m) => m.push(m.unsigned(4) | 0), // BININT
  75: (m) => m.push(m.unsigned(1)), // BININT1
  77: (m) => m.push(m.unsigned(2)), // BININT2
  138: (m) => m.push(long(m.take(m.unsigned(1)))), // LONG1
  71: (m) => m.push(new DataView(m.take(8).slice().buffer).getFloat64(0)), // BINFLOAT
  88: (m) => m.push(m.text(4)), // BINUNICODE
  140: (m) => m.push(m.text(1)), // SHORT_BINUNICODE
  66: (m) => m.push(m.take(m.unsigned(4))), // BINBYTES
  67: (m) => m.push(m.take(m.unsigned(1))), // SHORT_BINBYTES
  93: (m) => m.push([]), // EMPTY_LIST
  41: (m) => m.push([]), // EMPTY_TUPLE
  125: (m) => m.push(new Map()), // EMPTY_DICT
  143: (m) => m.push([]), // EMPTY_SET
  97: (m) => m.append([m.pop()]), // APPEND
  101: (m) => m.append(m.popToMark()), // APPENDS
  144: (m) => m.append(m.popToMark()), // ADDITEMS
  115: (m) => m.setItems(m.popLast(2)), // SETITEM
  117: (m) => m.setItems(m.popToMark()), // SETITEMS
  116: (m) => m.push(m.popToMark()), // TUPLE
  133: (m) => m.push(m.popLast(1)), // TUPLE1
  134: (m) => m.push(m.popLast(2)), // TUPLE2
  135: (m) => m.push(m.popLast(3)), // TUPLE3
  113: (m) => m.memo.set(m.unsigned(1), m.top()), // BINPUT
  114: (m) => m.memo.set(m.unsigned(4), m.top()), // LONG_BINPUT
  148: (m) => m.memo.set(m.memo.size, m.top()), // MEMOIZE
  104: (m) => m.recall(m.unsigned(1)), // BINGET
  106: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  99: (m) => m.push(new PythonName(m.line(), m.line())), // GLOBAL
  147: (m) => m.push(new PythonName(...(m.popLast(2).map(String) as [string, string]))), // STACK_GLOBAL
  82: (m) => m.call(), // REDUCE
  129: (m) => m.call(), // NEWOBJ
  98: (m) => m.pop(), // BUILD: attributes, such as the _metadata of a state_dict
  81: (m) => m.push(new PersistentId(m.pop())), // BINPERSID
};

const STOP = 0x2e;
/** For each tensor of a state_dict there are about 25. */
const MOST_OPCODES_A_TENSOR = 50;

/**
 * The value that a pickle describes. Nothing of it is run: a call stays a `PythonCall`, save that an OrderedDict is a Map.
 * A value may be shared, or be within itself.
 * @throws {Problem} invalid-file, limit-exceeded
 */
export function* pickleSlices(bytes: Uint8Array, { maxTensors, maxHeaderBytes }: FileLimits): Generator<void, Pickled> {
  requireWithin(FORMAT, 'bytes of pickle', bytes.length, maxHeaderBytes);
  const machine = new Machine(bytes);
  for (let count = 1; ; count++) {
    if (count % SLICE_OPCODES === 0) yield;
    requireWithin(FORMAT, 'opcodes', count, MOST_OPCODES_A_TENSOR * maxTensors);
    const at = machine.at;
    const code = machine.unsigned(1);
    if (code === STOP) return machine.pop();
    const operation = OPERATIONS[code];
    if (!operation) {
      throw invalidFile(
        FORMAT,
        `its pickle has the opcode 0x${code.toString(16)} at byte ${at}, which is unknown here.`,
      );
    }
    operation(machine);
  }
}

class Machine {
  at = 0;
  readonly memo = new Map<number, Slot>();
  private readonly bytes: Uint8Array;
  private readonly stack: Slot[] = [];
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(count: number): Uint8Array {
    const part = this.bytes.subarray(this.at, this.at + count);
    if (part.length < count) throw invalidFile(FORMAT, 'its pickle is cut off.');
    this.at += count;
    return part;
  }

  /** Little-endian, of up to 4 bytes. */
  unsigned(count: number): number {
    return this.take(count).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  text(lengthBytes: number): string {
    return this.decode(this.take(this.unsigned(lengthBytes)));
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw invalidFile(FORMAT, 'its pickle is cut off.');
    const text = this.decode(this.take(end - this.at));
    this.at += 1;
    return text;
  }

  push(value: Slot): void {
    this.stack.push(value);
  }

  top(): Slot {
    const value = this.stack.at(-1);
    if (value === undefined) throw damaged();
    return value;
  }

  pop(): Pickled {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw damaged();
    return value;
  }

  popLast(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  popToMark(): Pickled[] {
    const from = this.stack.lastIndexOf(MARK);
    if (from < 0) throw damaged();
    return this.stack.splice(from).slice(1) as Pickled[];
  }

  recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) throw damaged();
    this.push(value);
  }

  append(values: readonly Pickled[]): void {
    const list = this.top();
    if (Array.isArray(list)) for (const value of values) list.push(value);
  }

  setItems(items: readonly Pickled[]): void {
    const map = this.top();
    if (items.length % 2 !== 0) throw damaged();
    if (!(map instanceof Map)) return;
    for (let k = 0; k < items.length; k += 2) map.set(items[k], items[k + 1]);
  }

  call(): void {
    const [called, args] = this.popLast(2);
    const isDict = called instanceof PythonName && called.name === 'collections.OrderedDict';
    this.push(isDict ? new Map() : new PythonCall(called, args));
  }

  private decode(bytes: Uint8Array): string {
    try {
      return this.decoder.decode(bytes);
    } catch (error) {
      throw invalidFile(FORMAT, 'its pickle has text that is not UTF-8.', error);
    }
  }
}

/** Two's complement, little-endian. */
function long(bytes: Uint8Array): bigint {
  const value = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return BigInt.asIntN(8 * bytes.length, value);
}

function damaged(): Error {
  return invalidFile(FORMAT, 'its pickle is damaged.');
}
