/** The vectors of one token on its way through a feed-forward part. */
import { positionsOf, type Source } from '../../api/source';

export interface Stage {
  name: string;
  says: string;
  hook: string;
  pos: number;
  values: Float32Array;
  /** As wide as there are neurons. */
  wide: boolean;
}

export interface Way {
  layer: number;
  pos: number;
  /** Whether the first stage is there. */
  sums: boolean;
  stages: Stage[];
}

/**
 * The token's sums, those bent, and what is added; a gated part has two sums per neuron.
 *
 * @param sums false: without the sums before they are bent
 */
export async function wayOf(
  source: Source,
  layer: number,
  pos: number,
  gated: boolean,
  sums: boolean,
  signal: AbortSignal,
): Promise<Way> {
  const block = `blocks.${layer}`;
  const all: Omit<Stage, 'values' | 'pos'>[] = [
    {
      name: 'Expand',
      says: gated ? 'a first sum per neuron, its gate' : 'a sum per neuron',
      hook: `${block}.mlp.hook_pre`,
      wide: true,
    },
    {
      name: 'Bend',
      says: gated ? 'the gate bent, times a second sum' : 'each sum bent',
      hook: `${block}.mlp.hook_post`,
      wide: true,
    },
    {
      name: 'Project back',
      says: 'all their columns, added up: what the stream gets',
      hook: `${block}.hook_mlp_out`,
      wide: false,
    },
  ];
  const wanted = sums ? all : all.slice(1);
  const at = Math.min(pos, positionsOf(source.manifest) - 1);
  if (!source.recorded)
    await source.need(
      wanted.map((w) => w.hook),
      `${at}:${at + 1}`,
    );
  const values = await Promise.all(wanted.map((w) => source.capture(w.hook, { pos: at }, signal)));
  return { layer, pos: at, sums, stages: wanted.map((w, i) => ({ ...w, pos: at, values: values[i].data })) };
}
