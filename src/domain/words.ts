/** `1 row`, `2 rows`: for messages. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Names that a message lists. */
const MOST_NAMES = 20;

/** `a, b, c`; of many, the first ones and how many there are besides. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

/** `SimpleRNNCell` → `simple_rnn_cell`: what Keras calls an object of a class. keras.src.utils.naming.to_snake_case. */
export function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
