/** What chapter 3 may show of a model and why not, why it begins with its neuron, and the model's sizes. Pure. */
import type { Neuron } from '../../api/types';
import { count, percent } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { BEND_NAMES } from './neuron';

/** Why a model's neurons cannot be shown; null where they can. */
export function cannotShow(model: { exported: boolean; onlyMixtures: boolean; streamNorms: boolean }): string | null {
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
