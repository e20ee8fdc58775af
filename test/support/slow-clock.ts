import { onTestFinished, vi } from 'vitest';

/** For the rest of the test, lets each look at the clock find that so long has passed since the last, that no turn of the event loop has time left. */
export function slowClock(): void {
  let now = 0;
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 100;
    return now;
  });
  onTestFinished(() => spy.mockRestore());
}
