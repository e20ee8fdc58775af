import { describe, expect, it } from 'vitest';
import type { Weights } from '../../../src/domain/cell-definition.ts';
import type { Store } from '../../../src/domain/ports.ts';
import type { SessionRecord } from '../../../src/domain/session.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import type { CellRecord } from '../../../src/services/cells/cell-record.ts';
import { pinOwn, pinWrites } from '../../../src/services/cells/pin-version.ts';
import type { Context } from '../../../src/services/context.ts';
import { STORES } from '../../support/stores.ts';

const CELL = { id: 'c', uid: 'u', version: 1, input_shape: [null, 1], variables: [] } as unknown as CellRecord;
const sessionOf = (id: string) => ({ id, uid: id, cell: 'c', cell_uid: 'u' }) as SessionRecord;
const weightsOf = (bias: number): Weights => ({ bias: new Tensor('float32', [1], new Float32Array([bias])) });

describe.each(STORES)('pins to weights of their own, on $name,', ({ open }) => {
  it('do not pass the limit together, though there was room for each', async () => {
    const { store, dispose } = await open();
    const context = { store, limits: { maxPinnedVersions: 1 } } as unknown as Pick<Context, 'limits'> & {
      store: Store;
    };
    const pin = (bias: number) => pinOwn(context, CELL, CELL, weightsOf(bias));
    const [one, same, another] = await Promise.all([pin(1), pin(1), pin(2)]);
    expect(await store.commit(pinWrites(sessionOf('a'), one))).toBe('committed');
    expect(await store.commit(pinWrites(sessionOf('b'), another))).toBe('conflict');
    await expect(pin(2)).rejects.toMatchObject({ code: 'too-many-pinned-versions' });
    expect(await store.commit(pinWrites(sessionOf('c'), same))).toBe('conflict');
    expect(await store.commit(pinWrites(sessionOf('c'), await pin(1)))).toBe('committed');
    await dispose();
  });
});
