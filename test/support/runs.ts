const MANY = process.env.CELLSTEP_TEST_SYSTEM === '1';

/** How many cases a test draws: all in `npm run test:system`, some in `npm test`. */
export function runs(many: number, some = Math.ceil(many / 8)): number {
  return MANY ? many : some;
}
