/** What the layers of a run's model read other positions with: attention heads, a short convolution, a recurrence. Pure. */
import type { DecoderSpec, ModelIdentity, RunManifest } from '../api/types';
import { bytes, plural, ranged } from '../kit/text/format';

export type Mixer = NonNullable<ModelIdentity['mixers']>[number][number];
export type Recurrence = NonNullable<DecoderSpec['layers'][number]['recurrence']>;

/** Names of the kinds of recurrence, with an article. */
export const RECURRENCES: Partial<Record<Mixer, string>> = {
  mamba: 'a Mamba',
  mamba2: 'a Mamba 2',
  delta_net: 'a gated delta net',
  lightning: 'lightning attention',
  rg_lru: 'an RG-LRU',
};

/** Bytes that a layer keeps whatever the text's length. */
export const stateOf = (m: RunManifest, layer: number): number => m.kv_cache.conv_states?.[layer] ?? 0;

/** Of one layer; a run by an older version does not say, and had no recurrences. */
export const mixersOf = (m: RunManifest, layer: number): Mixer[] =>
  m.model.mixers?.[layer] ?? (stateOf(m, layer) > 0 ? ['conv'] : ['attention']);

const layersWith = (m: RunManifest, has: (of: Mixer[]) => boolean): number[] =>
  Array.from({ length: m.model.n_layers }, (_, layer) => layer).filter((layer) => has(mixersOf(m, layer)));

/** The layers that have heads of attention, in order. */
export const headed = (m: RunManifest): number[] => layersWith(m, (of) => of.includes('attention'));

/** The layers that have a recurrence. */
export const recurrent = (m: RunManifest): number[] => layersWith(m, (of) => of.some((x) => RECURRENCES[x]));

/** The layers in which tokens read others by weights: with heads of attention, or a recurrence. */
export const weighing = (m: RunManifest): number[] =>
  layersWith(m, (of) => of.includes('attention') || of.some((x) => RECURRENCES[x]));

/** Whether a layer has a recurrence and no attention. */
export const statesOnly = (m: RunManifest, layer: number): boolean =>
  !headed(m).includes(layer) && recurrent(m).includes(layer);

/** A layer's recurrence, with an article; null where it has none. */
export const recurrenceOf = (m: RunManifest, layer: number): string | null =>
  mixersOf(m, layer)
    .map((x) => RECURRENCES[x])
    .find((name) => name !== undefined) ?? null;

/** The kinds of recurrence of a model: 'a Mamba 2'. */
export const recurrencesOf = (m: RunManifest): string =>
  [...new Set(recurrent(m).map((l) => recurrenceOf(m, l)))].join(' or ');

/** All heads of the model. */
export const headCount = (m: RunManifest): number => headed(m).length * m.model.n_heads;

/** The layer itself where it has heads, else the next one that has, looked for forwards, or backwards for a step of -1. */
export const withHeads = (m: RunManifest, layer: number, step: 1 | -1 = 1): number => nearest(headed(m), layer, step);

/** The same among any layers. */
export function nearest(layers: number[], layer: number, step: 1 | -1 = 1): number {
  const ahead = layers.filter((l) => (l - layer) * step >= 0);
  const behind = layers.filter((l) => (l - layer) * step < 0);
  return (step > 0 ? (ahead[0] ?? behind.at(-1)) : (ahead.at(-1) ?? behind[0])) ?? layer;
}

/** Tokens before its own that a layer's convolution reads; 0 in a layer without one in the place of attention. */
export const convPast = (m: RunManifest, layer: number): number =>
  mixersOf(m, layer).includes('conv') ? stateOf(m, layer) / Float32Array.BYTES_PER_ELEMENT / m.model.d_model : 0;

/** The hooks of what a layer's mixers add to the stream; none where it has no mixer. */
export const addedBy = (m: RunManifest, layer: number): string[] =>
  mixersOf(m, layer).map((x) =>
    x === 'attention' ? 'hook_attn_out' : x === 'conv' ? 'hook_conv_out' : 'hook_ssm_out',
  );

/** What the layers without heads have instead, in a few words; empty where all have heads. */
export function otherMixers(m: RunManifest): string {
  const convs = layersWith(m, (of) => of.includes('conv')).length;
  const without = layersWith(m, (of) => !of.includes('attention') && of.some((x) => RECURRENCES[x])).length;
  return [convs > 0 ? 'a short convolution' : '', without > 0 ? recurrencesOf(m) : ''].filter(Boolean).join(' or ');
}

/** Why a model has no heads of attention to show; null where it has. */
export const noHeads = (m: RunManifest): string | null =>
  headed(m).length === 0 ? `none of its layers has heads of attention (${layersSaid(m)})` : null;

/** What a layer without heads does instead; null for one with heads. */
export function insteadOfHeads(m: RunManifest, layer: number): string | null {
  if (mixersOf(m, layer).includes('attention')) return null;
  const name = recurrenceOf(m, layer);
  if (name !== null)
    return `Layer ${layer} has no heads of attention but ${name}: it keeps ${bytes(stateOf(m, layer))} of state, however long the text is, lets it fade at each token and writes the token into it.`;
  const past = convPast(m, layer);
  if (past === 0) return `Layer ${layer} has no heads: in it no token reads another.`;
  return `Layer ${layer} has no heads but a short convolution: there each channel of a token is added up with the same channel of the ${plural(past, 'token')} before it, each times a learned weight. The weights are the same for every text, so nothing is looked for.`;
}

/** What adds to the stream beside feed-forward parts, in a few words. */
export function addersSaid(m: RunManifest): string {
  const attending = headed(m).length;
  if (attending === 0) return otherMixers(m);
  const beside = recurrent(m).filter((l) => headed(m).includes(l)).length;
  const instead = attending < m.model.n_layers ? ` (or ${otherMixers(m)})` : '';
  return `attention${beside > 0 ? `, ${recurrencesOf(m)} beside it` : ''}${instead}`;
}

/** A model's feed-forward parts in a few words, without numbers while its spec is on its way; empty where it has none. */
export function feedersSaid(spec: DecoderSpec | null): string {
  if (!spec) return 'the feed-forward part of each layer';
  const mlps = spec.layers.map((l) => l.mlp).filter((mlp) => mlp.d_mlp > 0);
  const dense = mlps.filter((mlp) => !mlp.experts).map((mlp) => mlp.d_mlp);
  if (mlps.length === 0) return '';
  const where = mlps.length === spec.layers.length ? 'each layer' : `${mlps.length} of the layers`;
  if (dense.length === 0) return `the experts of ${where}`;
  return `the ${ranged(dense)} neurons ${dense.length < mlps.length ? 'or the experts ' : ''}of ${where}`;
}

/** How a block with a recurrence moves information between tokens. */
export function moverSaid(m: RunManifest, layer: number): string {
  const of = headed(m).length;
  return `The first branch moves information between tokens. In this block it is ${recurrenceOf(m, layer)}: a state that each token fades, writes to and reads. ${of > 0 ? `${of} of ${m.model.n_layers} blocks ${of === 1 ? 'has' : 'have'} attention.` : 'No block of this model has attention.'}`;
}

/** What a model's layers keep beside keys and values, however long the text is. */
export function statesSaid(m: RunManifest, all: number): string {
  const without = m.model.n_layers - headed(m).length;
  const conv = layersWith(m, (of) => of.includes('conv'))[0];
  const who =
    without === 0
      ? `Beside attention every layer of this model has ${recurrencesOf(m)}`
      : `The other ${plural(without, 'layer')} of this model ${without === 1 ? 'has' : 'have'} ${otherMixers(m) || 'nothing'} in the place of attention`;
  const what =
    conv !== undefined && recurrent(m).length === 0
      ? `It reads only the ${plural(convPast(m, conv), 'token')} before, so that is all it keeps: one list of ${m.model.d_model} numbers each`
      : 'It keeps a state, which every token is written into';
  return `${who}. ${what}, ${bytes(all)} in all, however long the text gets. They stand beside this cache and are in none of its bytes.`;
}

/** A model's layers by what they read others with: 'layers 0, 1, 3: a Mamba 2'. */
export function layersSaid(m: RunManifest): string {
  const kinds = new Map<string, number[]>();
  for (let l = 0; l < m.model.n_layers; l++) {
    const of = mixersOf(m, l).map((x) =>
      x === 'attention' ? 'attention' : x === 'conv' ? 'a short convolution' : RECURRENCES[x],
    );
    const name = of.join(' beside ') || 'no mixer';
    kinds.set(name, [...(kinds.get(name) ?? []), l]);
  }
  return [...kinds].map(([name, of]) => `${of.length === 1 ? 'layer' : 'layers'} ${of.join(', ')}: ${name}`).join('; ');
}
