/**
 * `npm run attack [-- word…] [--bounded] [--control] [--seconds=N]`: what one client may try to take the service down, as scripts. The
 * service is held to 1 GiB of memory; meanwhile another client times its steps and /healthz. Words choose attacks by their
 * names. Prints a table; the exit code is 1 where the service died or a bound was broken. `--bounded` is short, and times are
 * then only reported: the machine may be busy with other things. `--control` carries out each attack on another process of the
 * service first, and times the steps meanwhile. That shows how much the attackers slow down the machine itself.
 */
import { parseArgs } from 'node:util';
import { ATTACKS } from './attacks/all.ts';
import { runAttacks } from './siege.ts';

/** For how long an attack that lasts goes on: in CI, and in a whole run. */
const SECONDS = { bounded: 2, whole: 10 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bounded: { type: 'boolean', default: false },
    control: { type: 'boolean', default: false },
    seconds: { type: 'string' },
  },
});
const seconds = Number(values.seconds ?? (values.bounded ? SECONDS.bounded : SECONDS.whole));
const chosen = ATTACKS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
if (!(seconds > 0) || chosen.length === 0) {
  console.error(seconds > 0 ? `No attack has ${positionals.join(' or ')} in its name.` : '--seconds is not above 0.');
  process.exit(2);
}
const broken = await runAttacks(chosen, { seconds, timesCount: !values.bounded, control: values.control });
process.exit(broken > 0 ? 1 : 0);
