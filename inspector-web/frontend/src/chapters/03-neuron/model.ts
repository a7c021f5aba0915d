/** What chapter 3 may show of a model and why not, why it begins with its neuron, and the model's sizes. Pure. */
import type { Neuron } from '../../api/types';
import { count, percent, plural, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { BEND_NAMES, FEW } from './neuron';

/** Why a model's neurons cannot be shown; null where they can. */
export function cannotShow(model: {
  exported: boolean;
  neurons: number;
  onlyMixtures: boolean;
  streamNorms: boolean;
}): string | null {
  if (model.neurons === 0 && !model.exported) return 'none of its layers has an MLP, and so it has no neurons';
  if (model.exported) {
    return 'an exported ONNX graph does not say which of its weights is which, and a neuron is its weights';
  }
  if (model.onlyMixtures) {
    return 'its layers are mixtures of experts, where a neuron is one of an expert and most tokens never meet it; chapter 4 shows the router that sends each token to its experts';
  }
  return model.streamNorms
    ? 'after every sum a norm changes its stream as a whole, so what a neuron reads and writes is no longer a part of it; silence one in chapter 4 and see what the next word does'
    : null;
}

/** Why the neuron is shown that the chapter chose: its share of what its layer writes, the largest of all neurons'. */
export function whyChosen(neurons: number, share: number): string {
  return `Chosen because of all ${count(neurons)} neurons it makes the largest part of what its layer writes at the last prompt token: ${percent(share)}.`;
}

type Sum = Neuron['sums'][number]['sum'];

/** What the largest products make of a sum, and how many of them hold half of all that is added and taken away. */
export function termsSaid({ inputs, z, bias }: Sum, dModel: number): string {
  const three = inputs.slice(0, FEW).reduce((sum, i) => sum + i.contribution, 0);
  const first = `Its ${FEW} largest products make ${short(three)} of it, the other ${count(dModel - FEW)}${bias === 0 ? '' : ' and its bias'} ${short(z - three)}.`;
  if (dModel <= FEW || inputs.length < dModel) return dModel <= FEW ? '' : first;
  const sizes = inputs.map((i) => Math.abs(i.contribution)).sort((a, b) => b - a);
  const all = sizes.reduce((sum, v) => sum + v, 0);
  let [half, held] = [0, 0];
  while (held < all / 2) held += sizes[half++];
  return `${first} Half of all that is added and taken away lies in ${plural(half, 'product')} of ${count(dModel)}: ${half <= dModel / 20 ? 'a few decide' : 'many small ones decide together'}.`;
}

/** What a function does to a sum, in words. */
export function bendSaid(f: Neuron['function']): string {
  if (f === 'xielu')
    return 'whose slopes this layer learned: below zero it is nearly straight, above it grows as a square';
  const above = f === 'relu_squared' ? 'what is above is squared' : 'what is far above passes';
  return `${f === 'relu' || f === 'relu_squared' ? 'what is below zero' : 'what is far below zero'} is cut to nothing, ${f === 'relu' ? 'what is above passes' : above}`;
}

/** Sizes of a model's neurons; 0 neurons or layers are not known yet. */
export function sizesOf(dModel: number, neurons: number, layers: number, neuron: Neuron | null): Sizes {
  return [
    ['neurons per layer', neurons ? count(neurons) : '—'],
    ['layers × neurons', neurons && layers ? count(neurons * layers) : '—'],
    ['inputs of each', count(dModel)],
    ['function', neuron ? BEND_NAMES[neuron.function] : '—'],
    ['gated', neuron ? (neuron.gated ? 'yes: two sums per neuron' : 'no: one sum per neuron') : '—'],
    ['numbers it writes', count(dModel)],
  ];
}
