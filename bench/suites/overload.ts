import { Load, request } from '../load.ts';
import { cpuOf, median } from '../measure.ts';
import { OpenLoop, type OpenLoopResult } from '../open-loop.ts';
import type { Template } from '../open-loop-client.ts';
import { percentile } from '../paced.ts';
import { duration, type Figure, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import { makeLstm, stepInputs } from '../steppers.ts';

const UNITS = 64;
const SESSIONS = 2048;
/** Of the clients that wait for their answers, and of those that do not. */
const CONNECTIONS = { closed: 64, open: 1000 };
const ROUNDS = 3;
const SECONDS = 5;
const WARM_UP_SECONDS = 1;
/** The rate goes up from this part of what the service does for clients that wait, by this factor, until it does not keep up. */
const RATES = { first: 0.8, factor: 1.2, keptUp: 0.95 };
/** Milliseconds in which 99 of 100 steps that are let in, and of 100 probes, are to be answered. */
const GOALS = { step: 250, probe: 50 };
/** Sessions that are opened at once. */
const OPENED = 64;

export const suite: Suite = {
  about: `Steps of ${SESSIONS} sessions of an LSTM(${UNITS}), durable in LMDB, sent at a fixed rate whether or not those before are answered: at about the capacity
of one process, and at twice that. As clients of HTTP do, each of up to ${CONNECTIONS.open} connections has one request under way; a request that finds none free is not sent, and
counts as refused. What is sent is prepared bytes, by one process beside the service on the same two cores, so the service has a core of its own and little more.
Medians of ${ROUNDS} rounds of ${SECONDS} s, by turns. A time begins when a step is due, so a client that is late does not hide it. The ratio of steps is that of twice the
capacity to the peak; those of times are that of the time asked for to what it takes.`,
  async run(tell) {
    for (const keyed of [false, true]) await tellOverload(keyed, tell);
    return [];
  },
};

async function tellOverload(keyed: boolean, tell: (figure: Figure) => void): Promise<void> {
  const service = await serve('lmdb');
  let loop: OpenLoop | undefined;
  try {
    const templates = (await openSessions(service)).map((id) => stepOf(id, keyed));
    const closed = await closedLoop(service.url, templates);
    loop = new OpenLoop({ url: service.url, templates, connections: CONNECTIONS.open });
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await roundOf(service, loop, closed));
    tellRounds(keyed ? 'with keys' : 'without keys', rounds, tell);
  } finally {
    loop?.close();
    await service.close();
  }
}

async function roundOf(service: BenchService, loop: OpenLoop, closed: number): Promise<Round> {
  const tried: Measured[] = [];
  for (let rate = RATES.first * closed; ; rate *= RATES.factor) {
    tried.push(await measured(service, loop, rate));
    if (tried[tried.length - 1].perSecond < RATES.keptUp * rate) break;
  }
  const peak = tried.reduce((best, at) => (at.perSecond > best.perSecond ? at : best));
  const rate = 2 * peak.perSecond;
  // The service closes connections on which nothing comes for long.
  const probe = new Load(service.url, [request('GET', '/healthz')]);
  const [over, probed] = await Promise.all([measured(service, loop, rate), probe.run(SECONDS * 1000)]);
  probe.close();
  return { peak, over, probes: probed.latencies, rate };
}

async function measured(service: BenchService, loop: OpenLoop, rate: number): Promise<Measured> {
  const before = cpuOf(service.pid);
  const result = await loop.run(rate, SECONDS, WARM_UP_SECONDS);
  return { ...result, cpu: (cpuOf(service.pid) - before) / (SECONDS + WARM_UP_SECONDS) };
}

/** Steps a second for clients that each wait for their answer. */
async function closedLoop(url: string, templates: readonly Template[]): Promise<number> {
  let sent = 0;
  const next = () => {
    const [before, after] = templates[sent++ % templates.length];
    return after ? Buffer.concat([before, Buffer.from(`w${sent}`), after]) : before;
  };
  const load = new Load(url, Array(CONNECTIONS.closed).fill(next));
  await load.run(2000);
  const { perSecond } = await load.run(2000);
  load.close();
  return perSecond;
}

interface Measured extends OpenLoopResult {
  /** Milliseconds of a processor that the service took in a second, its threads included. */
  readonly cpu: number;
}

interface Round {
  readonly peak: Measured;
  readonly over: Measured;
  readonly probes: readonly number[];
  readonly rate: number;
}

function tellRounds(how: string, rounds: readonly Round[], tell: (figure: Figure) => void): void {
  const others = rounds
    .flatMap(({ over }) => [...over.statuses.keys()])
    .filter((status) => ![200, 429, 503].includes(status));
  if (others.length > 0) throw new Error(`answers of status ${others.join(', ')} at twice the capacity`);
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  const p99 = (times: ArrayLike<number>) => percentile(Array.from(times), 0.99);
  tell({
    name: `steps ${how} at twice the capacity`,
    cellstep: `${of(({ over }) => over.perSecond).toFixed(0)} steps/s`,
    peer: `${of(({ peak }) => peak.perSecond).toFixed(0)} steps/s at the peak`,
    ratio: of(({ over, peak }) => over.perSecond / peak.perSecond),
    goal: 0.9,
  });
  tell({
    name: `p99 of the steps ${how} that are let in`,
    cellstep: duration(1e6 * of(({ over }) => p99(over.latencies))),
    peer: `${duration(1e6 * of(({ peak }) => p99(peak.latencies)))} at the peak`,
    ratio: GOALS.step / of(({ over }) => p99(over.latencies)),
    goal: 1,
  });
  const stepCpu = ({ peak }: Round) => peak.cpu / peak.perSecond;
  const refusalCpu = (round: Round) =>
    (round.over.cpu - round.over.perSecond * stepCpu(round)) / (round.over.refusals.length / SECONDS);
  const refusing = rounds.filter(({ over }) => over.refusals.length > 0);
  const ofRefusals = (milliseconds: (round: Round) => number) =>
    refusing.length === 0 ? 'none refused' : duration(1e6 * median(refusing.map(milliseconds)));
  tell({
    name: `processor's time of a refusal, ${how}`,
    cellstep: ofRefusals(refusalCpu),
    peer: `${duration(1e6 * of(stepCpu))} for a step at the peak`,
  });
  tell({
    name: `p99 of refusals, ${how}`,
    cellstep: ofRefusals(({ over }) => p99(over.refusals)),
    peer: `${of(({ over }) => over.refusals.length / SECONDS).toFixed(0)}/s of ${of(({ rate }) => rate).toFixed(0)}/s sent`,
  });
  tell({
    name: `not sent as no connection was free, ${how}`,
    cellstep: `${(100 * of(({ over }) => over.unsent)).toFixed(1)} %`,
    peer: `${of(({ over }) => over.closed).toFixed(0)} connections closed by the service`,
  });
  tell({
    name: `/healthz p99 meanwhile, ${how}`,
    cellstep: duration(1e6 * of(({ probes }) => p99(probes))),
    peer: '',
    ratio: GOALS.probe / of(({ probes }) => p99(probes)),
    goal: 1,
  });
}

async function openSessions(service: BenchService): Promise<string[]> {
  const cell = await makeLstm(service, UNITS);
  const ids = Array.from({ length: SESSIONS }, (_, k) => `s${k}`);
  for (let k = 0; k < ids.length; k += OPENED) {
    await Promise.all(ids.slice(k, k + OPENED).map((id) => service.post('/v1/sessions', { id, cell })));
  }
  return ids;
}

/** A step; `keyed` with a place for its key. */
function stepOf(session: string, keyed: boolean): Template {
  const bytes = request('POST', `/v1/sessions/${session}/steps`, { inputs: stepInputs() }, keyed ? '{key}' : undefined);
  const [before, after] = bytes.toString('latin1').split('{key}');
  return after === undefined ? [bytes] : [Buffer.from(before, 'latin1'), Buffer.from(after, 'latin1')];
}
