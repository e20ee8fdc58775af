import { createServer } from 'node:http';
import { answerConstant } from './constant.ts';

/** Answers with constants, and prints its port. */
const server = createServer(answerConstant);

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
