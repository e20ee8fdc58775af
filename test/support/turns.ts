/** Does the work, and counts the turns that the event loop makes meanwhile. */
export async function countTurns<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly turns: number }> {
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const value = await work();
  over = true;
  return { value, turns };
}
