import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSweeping } from '../../../src/services/expiry/sweep-loop.ts';

const MINUTE = 60_000;

describe('sweeping in the background', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('begins within a minute, goes on without delay while there is more, and then waits', async () => {
    const sweep = vi.fn(async () => sweep.mock.calls.length < 5);
    const { stop } = startSweeping(sweep);
    await vi.advanceTimersByTimeAsync(MINUTE + 1000);
    expect(sweep).toHaveBeenCalledTimes(5);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(sweep).toHaveBeenCalledTimes(6);
    await stop();
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(sweep).toHaveBeenCalledTimes(6);
  });

  it('tells of a failure, and tries again a minute later', async () => {
    const warn = vi.fn();
    const sweep = vi.fn(async () => {
      throw new Error('the disk is gone');
    });
    const { stop } = startSweeping(sweep, { warn });
    await vi.advanceTimersByTimeAsync(3 * MINUTE + 1);
    expect(sweep.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(warn).toHaveBeenCalledTimes(sweep.mock.calls.length);
    await stop();
  });

  it('stops after what is under way', async () => {
    let end: (more: boolean) => void = () => undefined;
    const sweep = vi.fn(
      () =>
        new Promise<boolean>((resolve) => {
          end = resolve;
        }),
    );
    const { stop } = startSweeping(sweep);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(sweep).toHaveBeenCalledTimes(1);
    let stopped = false;
    const stopping = stop().then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(stopped).toBe(false);
    end(true);
    await stopping;
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(sweep).toHaveBeenCalledTimes(1);
  });
});
