import { draws } from '../cells/layers/layer-training.ts';
import type { NetworkNode } from '../domain/network.ts';
import { sequenceCells } from '../domain/program.ts';

/** How many of a network's draws are a node's own: one for each cell, and one for a layer of noise. */
export function drawsOf({ work }: NetworkNode): number {
  if (work.kind === 'recurrent') return sequenceCells(work.sequence).length;
  return draws(work.layer) ? 1 : 0;
}
