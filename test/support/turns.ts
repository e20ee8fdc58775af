/** Counts the turns of the event loop that work waits for. */
export async function turnsOf<T>(work: Promise<T>): Promise<{ readonly value: T; readonly turns: number }> {
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const value = await work;
  over = true;
  return { value, turns };
}
