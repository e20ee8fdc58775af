import fc from 'fast-check';
import { boundOf, type KerasCase, kerasCases, prepareLayer, prepareNetwork } from './keras.ts';
import { difference, draw, type Sent } from './numbers.ts';
import { boundOfModule, type ModuleCase, moduleCases, prepareModule } from './pytorch.ts';
import type { Peers, Suite } from './suite.ts';

type GradientCase = KerasCase | { readonly module: ModuleCase };

/** What is as large twice, 0 where a relu bends, has other gradients in each library. */
const JUMPS =
  /Max|Minimum|"hard_|relu|shrink|threshold|"elu|celu|selu|sparsemax|softsign|"Masking"|mask_zero|UnitNormalization/i;

const cases: fc.Arbitrary<GradientCase> = fc
  .oneof(
    kerasCases,
    kerasCases,
    moduleCases.map((module): GradientCase => ({ module })),
  )
  .filter((one) => !JUMPS.test(JSON.stringify(one)));

/** The output's shape is that which evaluation gives. */
async function pulled({ service }: Peers, sent: object, seed: number, several: boolean) {
  const { output } = await service.json<{ output: Sent | Sent[] }>('POST', '/cells/cell/sequences', {
    ...sent,
    tensor_format: 'base64',
  });
  const cotangents = [output].flat().map(({ shape }, k) => draw(shape, seed + 70 + k, 1));
  const given = several ? { cotangents } : { cotangent: cotangents[0] };
  const gradients = await service.gradients({ ...sent, ...given });
  return { gradients, cotangents };
}

async function check(one: GradientCase, peers: Peers): Promise<void> {
  const [problem, bound] = 'module' in one ? await ofModule(one.module, peers) : await ofKeras(one, peers);
  const wrong = difference(...problem, bound);
  if (wrong) throw new Error(wrong);
}

type Compared = readonly [pair: readonly [got: Sent[], wanted: Sent[]], bound: number];

async function ofModule(one: ModuleCase, peers: Peers): Promise<Compared> {
  const module = { ...one, cell: false, ragged: false };
  const { sent, question, made } = await prepareModule(peers.service, module);
  const { gradients, cotangents } = await pulled(peers, sent, one.seed, false);
  const wanted = await peers.torch.ask<Sent[]>({ kind: 'pytorch_gradients', ...question, cotangents });
  const names = Object.keys(made.weights).map((name) => gradients.of[name]);
  return [[[gradients.of.inputs, ...gradients.initialState, ...names], wanted], 10 * boundOfModule(module)];
}

async function ofKeras(one: KerasCase, peers: Peers): Promise<Compared> {
  if ('layer' in one) {
    const { sent, question, made } = await prepareLayer(peers.service, one.layer);
    const { gradients, cotangents } = await pulled(
      peers,
      sent,
      one.layer.seed,
      JSON.stringify(one).includes('"merge_mode":null'),
    );
    const wanted = await peers.keras.ask<Sent[]>({ kind: 'keras_gradients', ...question, cotangents });
    const names = Object.keys(made.weights).map((name) => gradients.of[name]);
    const states = one.layer.carried ? gradients.initialState : [];
    return [[[gradients.of.inputs, ...states, ...names], wanted], 10 * boundOf(one)];
  }
  const { sent, question } = await prepareNetwork(peers.service, one.network, one.batch);
  const { gradients, cotangents } = await pulled(peers, sent, one.network.seed, false);
  const wanted = await peers.keras.ask<Record<string, Sent>>({ kind: 'network_gradients', ...question, cotangents });
  const names = Object.keys(wanted);
  return [[names.map((name) => gradients.of[name]), Object.values(wanted)], 10 * boundOf(one)];
}

export const gradients: Suite<GradientCase> = { arbitrary: cases, check };
