/**
 * The names that somebody who wrote `name` may have meant: those that differ by case or signs, or by two letters;
 * else all.
 */
export function suggest(name: string, names: readonly string[]): string {
  const plain = simplify(name);
  const alike = names.filter((known) => simplify(known) === plain);
  const near = (known: string) =>
    plain.length <= 64 && distance(plain, simplify(known)) <= Math.min(2, known.length / 3);
  const close = alike.length > 0 ? alike : names.filter(near);
  return close.length > 0 ? `Did you mean ${close.join(' or ')}?` : `Send one of: ${names.join(', ')}.`;
}

function simplify(name: string): string {
  return name
    .slice(0, 100)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substituted, previous[j] + 1, current[j - 1] + 1));
    }
    previous = current;
  }
  return previous[b.length];
}
