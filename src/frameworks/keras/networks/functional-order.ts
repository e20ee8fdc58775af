/**
 * The indices of a Functional's layers in the order in which Keras keeps them, which is also the order of weights in a file:
 * layers farther from the output first, then in the order of a walk from the output. Unchanged if some layers do not lead to
 * the output, or form a cycle. Source: keras/src/ops/function.py, map_graph.
 */
export function kerasOrder(
  names: readonly string[],
  inbound: readonly (readonly string[])[],
  output: string,
): number[] {
  const sources = new Map(names.map((name, k) => [name, inbound[k]]));
  const asSent = names.map((_, k) => k);
  const met = new Map([[output, 0]]);
  const finished = new Set<string>();
  const path = [{ name: output, next: 0 }];
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const from = sources.get(top.name)?.[top.next++];
    if (from === undefined) {
      finished.add(top.name);
      path.pop();
    } else if (!met.has(from)) {
      met.set(from, met.size);
      path.push({ name: from, next: 0 });
    } else if (!finished.has(from)) return asSent;
  }
  if (finished.size !== names.length) return asSent;
  const depths = new Map<string, number>();
  const depthOf = (name: string) => depths.get(name) ?? 0;
  for (const name of [...finished].reverse()) {
    for (const from of sources.get(name) ?? []) depths.set(from, Math.max(depthOf(from), depthOf(name) + 1));
  }
  const metAt = (k: number) => met.get(names[k]) ?? 0;
  return asSent.sort((a, b) => depthOf(names[b]) - depthOf(names[a]) || metAt(a) - metAt(b));
}
