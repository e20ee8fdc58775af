import { expect, it } from 'vitest';
import { initialize } from '../../../src/cells/random/initializers.ts';
import { createDraws } from '../../../src/engine/threads/draw.ts';

const orthogonal = { className: 'Orthogonal', params: { gain: 1, seed: 7 } };

it('draws the same in a thread as at once, and lets the service answer meanwhile', async () => {
  const { initialize: draw } = createDraws();
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  const large = await draw(orthogonal, [600, 400], 'float32');
  clearInterval(timer);
  expect(large).toEqual(initialize(orthogonal, [600, 400], 'float32'));
  expect(turns).toBeGreaterThan(0);
});

it('reports what is wrong with a draw', async () => {
  await expect(createDraws().initialize(orthogonal, [3], 'float32')).rejects.toMatchObject({ code: 'invalid-config' });
});
