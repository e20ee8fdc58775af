import { chooseSeed, createRandom } from '../../torture/random.ts';
import { type Attack, zeroCell } from '../attack.ts';
import { Most } from '../most.ts';
import type { Method } from '../target.ts';

const REQUESTS = 2_000;
const CLIENTS = 20;
/** Times an attack's seconds that this one takes at most. */
const PATIENCE = 5;

/** What nobody has thought of: the most of everything that the description of the API allows. */
export const MOST: readonly Attack[] = [
  {
    name: `the most of everything that openapi.yaml allows, ${REQUESTS} requests from ${CLIENTS} clients`,
    run: async (target) => {
      const seed = chooseSeed();
      console.log(`  seed ${seed}`);
      const random = createRandom(seed);
      const most = new Most(random);
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 256, 256));
      await target.make('/v1/variables', { id: 'a-v', initializer: 'zeros', shape: [512, 512] });
      await target.make('/v1/sessions', { id: 'a-s', cell: 'a-cell', batch_size: 64 });
      const ids = ['a-cell', 'a-v', 'a-s', 'kernel', 'none', 'tanh', 'matmul'];
      const end = performance.now() + PATIENCE * target.seconds * 1000;
      let left = REQUESTS;
      const client = async () => {
        while (left-- > 0 && performance.now() < end) {
          const { method, path, body } = most.request(random.pick(most.operations), ids);
          await target.send(method as Method, path, { body });
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
    },
  },
];
