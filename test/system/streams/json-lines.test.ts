import { expect, it } from 'vitest';
import { LinesClient } from '../../streams/client.ts';
import { service } from '../support.ts';

it('a stream of lines goes on for longer than a request may take to arrive', async () => {
  const short = await service({ CELLSTEP_REQUEST_SECONDS: '1' });
  const client = new LinesClient(short.url);
  for (let k = 0; k < 7; k++) {
    client.say({ id: k, session: 'nobody', inputs: [[1]] });
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  client.request.end();
  await client.ended;
  expect(client.lines.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
