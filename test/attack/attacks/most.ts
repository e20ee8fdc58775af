import { chooseSeed, createRandom } from '../../torture/random.ts';
import { type Attack, zeroCell } from '../attack.ts';
import { Most } from '../most.ts';
import type { Method } from '../target.ts';

const REQUESTS = 2_000;
/** In a run whose attacks take only so many seconds. */
const FEWER = { requests: 200, seconds: 5 };
const CLIENTS = 20;

/** What nobody has thought of: the most of everything that the description of the API allows. */
export const MOST: readonly Attack[] = [
  {
    name: `the most of everything that openapi.yaml allows, from ${CLIENTS} clients`,
    run: async (target) => {
      const seed = chooseSeed();
      console.log(`  seed ${seed}`);
      const random = createRandom(seed);
      const most = new Most(random);
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 256, 256));
      await target.make('/v1/variables', { id: 'a-v', initializer: 'zeros', shape: [512, 512] });
      await target.make('/v1/sessions', { id: 'a-s', cell: 'a-cell', batch_size: 64 });
      const ids = ['a-cell', 'a-v', 'a-s', 'kernel', 'none', 'tanh', 'matmul'];
      let left = target.seconds < FEWER.seconds ? FEWER.requests : REQUESTS;
      const odd = new Set<string>();
      const client = async () => {
        while (left-- > 0) {
          const operation = random.pick(most.operations);
          const { method, path, body } = most.request(operation, ids);
          const { status } = await target.send(method as Method, path, { body });
          // A body over the limit may end the connection before an answer.
          if (status !== 0 && !operation.statuses.has(status)) odd.add(`${method} ${operation.path}: ${status}`);
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
      return odd.size > 0 ? `it answered what openapi.yaml does not name: ${[...odd].join(', ')}` : undefined;
    },
  },
];
