import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionRecord } from '../../../src/domain/session.ts';
import { SessionSubscription } from '../../../src/services/sessions/session-subscription.ts';

function record(version: number, uid = 'u1'): SessionRecord {
  const times = { created_at: 0, updated_at: 0 };
  const cell = { cell: 'cell', cell_uid: 'c1', cell_version: 1, batch_size: 1 };
  return { format: 1, id: 's', uid, ...cell, step: version - 1, ttl_seconds: null, version, ...times };
}

const content = (version: number, uid?: string) => ({ record: record(version, uid), states: [] });

describe('a subscription', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function heard() {
    const told: (readonly [version: number | undefined, missed: number])[] = [];
    const subscription = new SessionSubscription(({ session, missed }) => told.push([session?.record.version, missed]));
    return { told, subscription };
  }

  it('tells what came while the session was read, but nothing from before', () => {
    const { told, subscription } = heard();
    for (const version of [2, 3, 4]) subscription.take(content(version));
    expect(told).toEqual([]);
    subscription.start({ record: record(3), states: [] });
    expect(told).toEqual([[4, 0]]);
  });

  it('puts changes in the order of their versions, however they come', () => {
    const { told, subscription } = heard();
    subscription.start({ record: record(1), states: [] });
    for (const version of [3, 2, 2, 5, 4]) subscription.take(content(version));
    expect(told).toEqual([2, 3, 4, 5].map((version) => [version, 0]));
  });

  it('says how many changes it has missed, once it has waited for them', () => {
    const { told, subscription } = heard();
    subscription.start({ record: record(1), states: [] });
    subscription.take(content(4));
    expect(told).toEqual([]);
    vi.advanceTimersByTime(300);
    expect(told).toEqual([[4, 2]]);
    subscription.take(content(3));
    expect(told).toHaveLength(1);
  });

  it('goes on with another session of the same id, and with the end', () => {
    const { told, subscription } = heard();
    subscription.start({ record: record(7), states: [] });
    subscription.take(content(1, 'u2'));
    subscription.take(null);
    expect(told).toEqual([
      [1, 0],
      [undefined, 0],
    ]);
  });
});
