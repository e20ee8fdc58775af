import { setTimeout as delay } from 'node:timers/promises';
import { helpersGiveWay } from '../../src/threads/give-way.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import { HeldService, MEMORY_BYTES } from './held-service.ts';
import { slowness } from './slowness.ts';
import { headings, inMib, ms, rowText } from './table.ts';
import { Target } from './target.ts';
import { type Questions, VICTIMS, Victim } from './victim.ts';

/** Within which 99 of 100 answers of /healthz have to come, and times as long as alone that those of steps may take. */
const HEALTH_MS = 50;
const TIMES = 3;
/** For which no piece of work may hold the event loop, of the processor's time. */
const HELD_MS = 50;
/** No less: what a piece of work of others on the event loop may take. */
const STEP_MS = 50;
const ALONE_MS = 3_000;
const SETTLE_MS = 300;
/** Answers that the service may give to an attacker, beside those below 500. */
const DOCUMENTED = [501, 503, 507];

interface SiegeOptions {
  readonly seconds: number;
  /** Whether what took too long is a broken bound. */
  readonly timesCount: boolean;
  /** Each attack is carried out on another process before: steps are compared with those beside that. */
  readonly control?: boolean;
}

/** Runs attacks one after another and prints a line for each. Returns how many of them broke a bound. */
export async function runAttacks(
  attacks: readonly Attack[],
  { seconds, timesCount, control = false }: SiegeOptions,
): Promise<number> {
  // The memory of attackers is collected where their threads are.
  helpersGiveWay();
  const service = new HeldService();
  const decoy = control ? new HeldService() : undefined;
  console.log(
    service.group
      ? `The service is held to ${inMib(MEMORY_BYTES)} MiB by a memory cgroup.`
      : `No memory cgroup can be made here: memory is looked at, and more than ${inMib(MEMORY_BYTES)} MiB counts as a death.`,
  );
  let broken = 0;
  try {
    await service.start();
    await decoy?.start();
    await makeVictim(service);
    const alone = await seenDuring(service, () => delay(ALONE_MS));
    console.log(headings());
    console.log(rowText({ name: 'none', ...alone }));
    for (const attack of attacks) {
      const beside = decoy && (await seenBeside(attack, decoy, service, seconds));
      const longest = Math.max(alone.step.p99, beside?.step.p99 ?? 0);
      const { faults, late } = await carryOut(attack, service, { alone: longest, seconds });
      if (faults.length > 0 || (timesCount && late.length > 0)) broken += 1;
      for (const fault of faults) console.log(`    BROKEN: ${fault}`);
      for (const fault of late) console.log(`    ${timesCount ? 'BROKEN' : 'late'}: ${fault}`);
      await clear(service);
    }
  } finally {
    await service.remove();
    await decoy?.remove();
  }
  console.log(`${attacks.length} attacks, ${broken} with a broken bound, ${service.deaths} deaths`);
  return broken;
}

interface Conditions {
  /** The p99 of steps of a service that is not attacked. */
  readonly alone: number;
  readonly seconds: number;
}

/** What is wrong: what must never be, and what took too long. */
interface Verdict {
  readonly faults: string[];
  readonly late: string[];
}

async function carryOut(attack: Attack, service: HeldService, { alone, seconds }: Conditions): Promise<Verdict> {
  const attacker = new Attacker(attack.name, service, seconds);
  await attacker.begin();
  const slow = await slowness();
  const victim = new Victim(service.url);
  await victim.begin();
  const { deaths } = service;
  let memory = 0;
  const looking = setInterval(() => {
    memory = Math.max(memory, service.memory());
  }, 20);
  service.watch();
  const { answers, fault, seconds: took } = await attacker.attack();
  await attacker.end();
  await delay(SETTLE_MS);
  const seen = await victim.seen();
  await victim.end();
  clearInterval(looking);
  const { longest, holds } = service.held();

  const faults: string[] = [];
  const late = lateness(seen, { health: slow * HEALTH_MS, step: Math.max(TIMES * alone, slow * STEP_MS) });
  if (fault !== undefined) late.push(fault);
  const refused = Object.keys(seen.health.failures).filter((status) => status !== '0');
  if (refused.length > 0) faults.push(`/healthz answered ${refused.join(', ')}`);
  if (service.deaths > deaths) {
    faults.push(`the service died, ${service.group?.kills() ?? 0} times by the kernel. ${service.output.slice(-300)}`);
  }
  if (!service.group && memory > MEMORY_BYTES) faults.push(`the service took ${inMib(memory)} MiB`);
  const odd = [...answers.keys()].filter((status) => status >= 500 && !DOCUMENTED.includes(status));
  if (odd.length > 0) faults.push(`it answered ${odd.join(', ')}`);
  if (holds > 0) {
    late.push(`the event loop was held over ${HELD_MS} ms of the processor ${holds} times, at most ${ms(longest)}`);
  }
  const verdict = faults.length > 0 ? 'BROKEN' : late.length > 0 ? 'LATE' : 'ok';
  console.log(
    rowText({
      name: attack.name,
      seconds: took,
      memory,
      held: longest,
      slow,
      answers,
      verdict,
      ...seen,
    }),
  );
  return { faults, late };
}

/** What the victim has waited for too long, or in vain, by bounds in milliseconds. */
function lateness(seen: Questions, bounds: { readonly health: number; readonly step: number }): string[] {
  const faults: string[] = [];
  const { health, step } = seen;
  if (health.p99 > bounds.health) faults.push(`/healthz p99 is ${ms(health.p99)}, over ${ms(bounds.health)}`);
  if (step.p99 > bounds.step) faults.push(`p99 of steps is ${ms(step.p99)}, over ${ms(bounds.step)}`);
  for (const [what, { answers, failures }] of Object.entries(seen)) {
    if (answers === 0) faults.push(`${what}: no answer`);
    if (Object.keys(failures).length > 0) faults.push(`${what}: ${JSON.stringify(failures)} of ${answers}`);
  }
  return faults;
}

async function makeVictim(service: HeldService): Promise<void> {
  const target = new Target(service, 0);
  const config = { units: 64 };
  await target.make('/v1/cells', { id: 'victim', class_name: 'LSTMCell', config, input_shape: [null, 16] });
  for (const id of VICTIMS) await target.make('/v1/sessions', { id, cell: 'victim' });
  target.close();
}

/** How a client fares while something else goes on than an attack on its service. */
async function seenDuring(service: HeldService, work: () => Promise<unknown>) {
  const slow = await slowness();
  const victim = new Victim(service.url);
  await victim.begin();
  service.watch();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const seen = await victim.seen();
  await victim.end();
  return {
    slow,
    seconds,
    memory: service.memory(),
    held: service.held().longest,
    answers: new Map(),
    verdict: '',
    ...seen,
  };
}

/** Carries out an attack on the decoy. Returns how a client of the service fares meanwhile. */
async function seenBeside(attack: Attack, decoy: HeldService, service: HeldService, seconds: number) {
  const attacker = new Attacker(attack.name, decoy, seconds);
  await attacker.begin();
  const seen = await seenDuring(service, async () => {
    await attacker.attack();
    await attacker.end();
    await delay(SETTLE_MS);
  });
  await clear(decoy);
  console.log(rowText({ name: `${attack.name.slice(0, 40)} (on another process)`, ...seen }));
  return seen;
}

/** Deletes all that an attack has made; starts the service again where it is not there. */
async function clear(service: HeldService): Promise<void> {
  for (let tries = 0; !(await service.answers()); tries++) {
    if (tries > 5) {
      await service.stop('SIGKILL');
      await service.start();
    } else await delay(1_000);
  }
  const target = new Target(service, 0);
  for (const kind of ['sessions', 'cells', 'variables', 'checkpoints']) {
    for (;;) {
      const reply = await fetch(`${service.url}/v1/${kind}?limit=200`).catch(() => undefined);
      if (reply?.status !== 200) break;
      const { items } = (await reply.json()) as { items: { id: string }[] };
      const others = items.filter(({ id }) => !id.startsWith('victim'));
      if (others.length === 0) break;
      const query = kind === 'cells' ? '?force=true' : '';
      await Promise.all(others.map(({ id }) => target.send('DELETE', `/v1/${kind}/${id}${query}`)));
    }
  }
  target.close();
}
