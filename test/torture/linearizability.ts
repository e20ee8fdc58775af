/** A call on one object: what was asked for, what was answered, and when, by one counter of all calls and answers. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** undefined: nobody knows whether it was carried out, and it may still be. */
  readonly output: Output | undefined;
  readonly called: number;
  /** Without an output: when it can take effect no more, Infinity where that is not known. */
  readonly answered: number;
}

/** What an object does, one call at a time. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after the call, where it may have been answered so in this state, else undefined. Without an output: the
   * state after the call where it is carried out.
   */
  readonly apply: (state: State, input: Input, output: Output | undefined) => State | undefined;
  /** Whether a call that was answered so changes nothing, in whatever state. */
  readonly changesNothing: (input: Input, output: Output) => boolean;
  /** Equal for equal states only. */
  readonly keyOf: (state: State) => string;
}

/** `order` explains all answers; or there is none, and `stuck` are the calls that could come next after the most. */
export type Verdict<State, Input, Output> =
  | { readonly linearizable: true; readonly order: readonly Operation<Input, Output>[] }
  | {
      readonly linearizable: false;
      /** Whether the search was given up, so that there may be an order all the same. */
      readonly undecided: boolean;
      readonly explained: readonly Operation<Input, Output>[];
      readonly state: State;
      readonly stuck: readonly Operation<Input, Output>[];
    };

const MAX_VISITS = 2_000_000;

/**
 * Whether there is an order of the calls in which the object answers as it did, each call taking effect between its
 * call and its answer (Herlihy and Wing 1990): the search of Wing and Gong (1993), with the memory of Lowe (2017) for
 * what was tried. Calls without an answer may be anywhere in their time, or nowhere: they are tried last, and at
 * first few of them in a row, since many of them make the search long and a right history seldom needs many at once.
 * What led nowhere with some of them carried out leads nowhere with these and more.
 */
export function linearize<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): Verdict<State, Input, Output> {
  const search = new Search(model, operations);
  for (let inRow = 0; ; inRow++) {
    const verdict = search.run(inRow);
    if (verdict.linearizable || verdict.undecided || !search.cut) return verdict;
  }
}

/** How far the search was somewhere: what was used up by then, of what only gets less. */
interface Tried {
  readonly used: bigint;
  readonly inRow: number;
  readonly reached: number;
}

class Search<State, Input, Output> {
  private readonly model: Model<State, Input, Output>;
  private readonly known: readonly Operation<Input, Output>[];
  private readonly unknown: readonly Operation<Input, Output>[];
  private readonly done = new Set<Operation<Input, Output>>();
  private readonly hashes = new Map<Operation<Input, Output>, readonly [number, number]>();
  /** Of the calls without an answer, one bit each. */
  private readonly bits = new Map<Operation<Input, Output>, bigint>();
  private order: Operation<Input, Output>[] = [];
  /** Of the calls done that have an answer. */
  private hash: readonly [number, number] = [0, 0];
  /** The calls done that have none. */
  private used = 0n;
  private tried = new Map<string, Tried[]>();
  private inRow = 0;
  private visits = 0;
  private best: { explained: Operation<Input, Output>[]; state: State; stuck: Operation<Input, Output>[] };
  /** Whether something was left out for too many calls without an answer in a row. */
  cut = false;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.model = model;
    const ordered = operations.toSorted((a, b) => a.called - b.called);
    this.known = ordered.filter(({ output }) => output !== undefined);
    this.unknown = ordered.filter(({ output }) => output === undefined);
    for (const [n, operation] of this.known.entries())
      this.hashes.set(operation, [scramble(2 * n), scramble(2 * n + 1)]);
    for (const [n, operation] of this.unknown.entries()) this.bits.set(operation, 1n << BigInt(n));
    this.best = { explained: [], state: model.initial, stuck: [] };
  }

  run(inRow: number): Verdict<State, Input, Output> {
    this.inRow = inRow;
    this.cut = false;
    this.tried = new Map();
    this.done.clear();
    this.order = [];
    this.hash = [0, 0];
    this.used = 0n;
    if (this.visit(this.model.initial, 0, 0, 0)) return { linearizable: true, order: this.order };
    return { linearizable: false, undecided: this.visits > MAX_VISITS, ...this.best };
  }

  /** `reached`: no earlier than this the next call takes effect. */
  private visit(state: State, first: number, inRow: number, reached: number): boolean {
    let from = first;
    while (from < this.known.length && this.done.has(this.known[from])) from++;
    if (from === this.known.length) return true;
    if (this.isHopeless({ used: this.used, inRow, reached }, `${this.hash} ${this.model.keyOf(state)}`)) return false;
    if (++this.visits > MAX_VISITS) return false;

    const { candidates, before } = this.candidates(from);
    const nexts = candidates.map((operation) => this.model.apply(state, operation.input, operation.output));
    // What changes nothing may as well come now, where no call is too late after it: it excludes nothing.
    const still = candidates.findIndex(({ input, output, called }, n) => {
      if (nexts[n] === undefined || !this.model.changesNothing(input, output as Output)) return false;
      return !this.unknown.some((one) => one.answered >= reached && one.answered < called && !this.done.has(one));
    });
    if (still >= 0) return this.take(candidates[still], state, from, 0, reached);
    for (const [n, operation] of candidates.entries()) {
      const next = nexts[n];
      if (next !== undefined && this.take(operation, next, from, 0, reached)) return true;
    }
    for (const operation of this.unknown) {
      if (operation.called >= before) break;
      if (operation.answered < reached || this.done.has(operation)) continue;
      const next = this.model.apply(state, operation.input, undefined);
      if (next === undefined || next === state) continue;
      if (inRow === this.inRow) this.cut = true;
      else if (this.take(operation, next, from, inRow + 1, reached)) return true;
    }
    if (this.order.length >= this.best.explained.length) {
      this.best = { explained: [...this.order], state, stuck: candidates };
    }
    return false;
  }

  /** Whether the same was tried with no more used up; else this is noted as tried. */
  private isHopeless(now: Tried, key: string): boolean {
    const before = this.tried.get(key) ?? [];
    const covers = (a: Tried, b: Tried) => (a.used & ~b.used) === 0n && a.inRow <= b.inRow && a.reached <= b.reached;
    if (before.some((one) => covers(one, now))) return true;
    this.tried.set(key, [...before.filter((one) => !covers(now, one)), now]);
    return false;
  }

  /** The answered calls that may take effect next: none of the others was answered before they were made. */
  private candidates(from: number): { candidates: Operation<Input, Output>[]; before: number } {
    const found: Operation<Input, Output>[] = [];
    let before = Number.POSITIVE_INFINITY;
    for (let n = from; n < this.known.length && this.known[n].called < before; n++) {
      if (this.done.has(this.known[n])) continue;
      found.push(this.known[n]);
      before = Math.min(before, this.known[n].answered);
    }
    return { candidates: found.filter(({ called }) => called < before), before };
  }

  private take(
    operation: Operation<Input, Output>,
    next: State,
    from: number,
    inRow: number,
    reached: number,
  ): boolean {
    const [high, low] = this.hashes.get(operation) ?? [0, 0];
    const { hash, used } = this;
    this.hash = [hash[0] ^ high, hash[1] ^ low];
    this.used = used | (this.bits.get(operation) ?? 0n);
    this.done.add(operation);
    this.order.push(operation);
    if (this.visit(next, from, inRow, Math.max(reached, operation.called))) return true;
    this.order.pop();
    this.done.delete(operation);
    this.hash = hash;
    this.used = used;
    return false;
  }
}

/** 32 bits that look random, another number for another n (the finalizer of MurmurHash3). */
function scramble(n: number): number {
  let h = Math.imul(n + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
