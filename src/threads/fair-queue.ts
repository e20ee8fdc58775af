/** Things that wait, of several clients: the clients take turns, and the things of each go in the order in which they came. */
export class FairQueue<T> {
  /** The client whose turn is next stands first. None is empty. */
  private readonly lines = new Map<string, T[]>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  sizeOf(client: string): number {
    return this.lines.get(client)?.length ?? 0;
  }

  /** What goes next of a client's. */
  firstOf(client: string): T | undefined {
    return this.lines.get(client)?.[0];
  }

  add(client: string, thing: T): void {
    const line = this.lines.get(client);
    if (line) line.push(thing);
    else this.lines.set(client, [thing]);
    this.count++;
  }

  /** Before all others of its client. */
  putBack(client: string, thing: T): void {
    this.lines.set(client, [thing, ...(this.lines.get(client) ?? [])]);
    this.count++;
  }

  /** The next thing of the next client that `may` have a turn; undefined where there is none. */
  take(may: (client: string) => boolean = () => true): T | undefined {
    for (const [client, line] of this.lines) {
      if (!may(client)) continue;
      const thing = line.shift();
      this.lines.delete(client);
      if (line.length > 0) this.lines.set(client, line);
      this.count--;
      return thing;
    }
    return undefined;
  }

  remove(client: string, thing: T): void {
    const line = this.lines.get(client);
    const at = line?.indexOf(thing) ?? -1;
    if (!line || at < 0) return;
    line.splice(at, 1);
    if (line.length === 0) this.lines.delete(client);
    this.count--;
  }

  /** Takes all that wait. */
  clear(): T[] {
    const all = [...this.lines.values()].flat();
    this.lines.clear();
    this.count = 0;
    return all;
  }
}
