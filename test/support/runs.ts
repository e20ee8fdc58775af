const { CELLSTEP_TEST_SYSTEM, CELLSTEP_TEST_DRAWN } = process.env;
const MANY = CELLSTEP_TEST_SYSTEM === '1' || CELLSTEP_TEST_DRAWN === '1';

/** How many cases a test draws: all in `npm run test:drawn` and `npm run test:system`, some in `npm test`. */
export function runs(many: number, some = Math.ceil(many / 8)): number {
  return MANY ? many : some;
}
