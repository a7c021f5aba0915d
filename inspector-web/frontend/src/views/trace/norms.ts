import type { NormRow, Norms } from '../../api/types';

/** A place on the residual stream where its length was measured, in the order in which data flows. */
export interface Station {
  /** 'into layer 0', 'between attention and MLP of layer 0', 'out of layer 4' */
  name: string;
  short: string;
  hook: string;
  norms: number[];
}

/** Added is what attention, a convolution or a recurrence in its place, or the MLP adds between two stations. */
export interface Added {
  part: 'attention' | 'convolution' | 'recurrence' | 'MLP';
  layer: number;
  hook: string;
  norms: number[];
  /** Index of the station before it. */
  after: number;
  /** Parallel blocks add both at once: this is the first or second of two between the same stations. */
  slot: number;
  slots: number;
}

export interface StreamNorms {
  stations: Station[];
  added: Added[];
}

/** Orders the rows of POST /norms along the stream; a point that the model has not is simply not there. */
export function streamNorms(norms: Norms): StreamNorms {
  const find = (layer: number, point: string): NormRow | undefined =>
    norms.rows.find((r) => r.hook === `blocks.${layer}.${point}`);
  const layers = 1 + Math.max(-1, ...norms.rows.map((r) => r.layer ?? -1));
  const stations: Station[] = [];
  const added: Added[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const pre = find(layer, 'hook_resid_pre');
    const mid = find(layer, 'hook_resid_mid');
    const attention = find(layer, 'hook_attn_out');
    const convolution = find(layer, 'hook_conv_out');
    const recurrence = find(layer, 'hook_ssm_out');
    const mlp = find(layer, 'hook_mlp_out');
    if (pre) stations.push({ name: `into layer ${layer}`, short: `${layer}`, hook: pre.hook, norms: pre.norms });
    const slots = mid ? 1 : 2;
    const add = (part: Added['part'], row: NormRow | undefined, slot: number) => {
      if (row && stations.length > 0)
        added.push({ part, layer, hook: row.hook, norms: row.norms, after: stations.length - 1, slot, slots });
    };
    add('attention', attention, 0);
    add('convolution', convolution, 0);
    add('recurrence', recurrence, 0);
    if (mid) {
      const name = `between ${convolution ? 'convolution' : attention ? 'attention' : 'recurrence'} and MLP of layer ${layer}`;
      stations.push({ name, short: '', hook: mid.hook, norms: mid.norms });
    }
    add('MLP', mlp, slots - 1);
    const post = find(layer, 'hook_resid_post');
    // What leaves a layer is what enters the next: drawn once.
    if (post && layer === layers - 1)
      stations.push({ name: `out of layer ${layer}`, short: 'out', hook: post.hook, norms: post.norms });
  }
  return { stations, added };
}
