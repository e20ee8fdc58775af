import { expect, it } from 'vitest';
import { InferenceDoor } from '../../src/oip/door.ts';
import { slowClock } from '../support/slow-clock.ts';
import { countTurns } from '../support/turns.ts';

const REQUEST = { identity: { tenant: 'default' }, ip: '127.0.0.1' } as never;

/** A service of so many cells, which it lists a thousand on a page. */
function doorOf(count: number): InferenceDoor {
  const cells = Array.from({ length: count }, (_, k) => ({ id: `cell-${k}`, uid: `${k}`, version: 1 }));
  const list = async ({ cursor = '0' }) => {
    const next = Number(cursor) + 1000;
    return { items: cells.slice(Number(cursor), next), next_cursor: next < count ? `${next}` : null };
  };
  return new InferenceDoor({ of: () => ({ cells: { list } }) } as never, { maxBodyBytes: 1, maxJsonBytes: 1 });
}

it('prints the statistics of many models in turns', async () => {
  const door = doorOf(2000);
  const models = await door.listModels(REQUEST);
  slowClock();
  const { value, turns } = await countTurns(() => door.show(REQUEST, models));
  const { model_stats } = JSON.parse(`${value.body}`);
  expect(model_stats.map(({ name }: { name: string }) => name)).toEqual(models.map(({ id }) => id));
  expect(turns).toBeGreaterThanOrEqual(1990);
});

it('lists no more models than one reply may have', async () => {
  await expect(doorOf(2001).listModels(REQUEST)).rejects.toMatchObject({ code: 'limit-exceeded' });
});
