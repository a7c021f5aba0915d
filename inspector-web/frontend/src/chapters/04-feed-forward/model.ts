/** What chapter 4 may show of a model and why not, why it begins with its layer, and the model's sizes. Pure. */
import type { DecoderSpec, FeedForward } from '../../api/types';
import { count, percent, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';

type Mlp = DecoderSpec['layers'][number]['mlp'];

/** Why a model's feed-forward parts cannot be shown; null where they can. */
export const cannotShow = (exported: boolean, neurons = 1): string | null =>
  exported
    ? 'an exported ONNX graph does not say which of its weights is which, and what a neuron writes is a weight'
    : neurons === 0
      ? 'none of its layers has a feed-forward part'
      : null;

/** Why the layer is shown that the chapter chose: the router's largest share of the token, else the part that adds most. */
export function whyChosen(
  sure: { layer: number; expert: number; share: number } | null,
  most: { layer: number; ratio: number } | null,
  layers: number,
): string | null {
  if (sure) {
    return `Layer ${sure.layer}, because there the router is surest of this token: expert ${sure.expert} has ${percent(sure.share)} of its shares.`;
  }
  return most
    ? `Layer ${most.layer}, because of all ${count(layers)} its part adds most here: ${most.ratio.toFixed(2)} times the length (L2 norm) of the stream that it is added to.`
    : null;
}

/** How long the stream is where the first and the last of the parts add to it. */
export function streamSaid(parts: Pick<FeedForward, 'layer' | 'input_norm'>[]): string {
  const [first, last] = [parts[0], parts[parts.length - 1]];
  const [a, b] = [short(first.input_norm), short(last.input_norm)];
  const counts = last.input_norm > first.input_norm ? 'less' : 'more';
  return `The stream that is added to is ${a} long at layer ${first.layer} and ${b} at layer ${last.layer}: the same push counts for ${counts} there.`;
}

/** A cosine as an angle. */
export const degrees = (cosine: number): string =>
  `${((Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI).toFixed(0)}°`;

/** Share of a model's parameters that its feed-forward parts hold, without biases; null where they are not counted. */
export function shareHeld(spec: DecoderSpec, dModel: number, parameters: number | undefined): string | null {
  const of = ({ mlp }: DecoderSpec['layers'][number]) => (mlp.experts ? null : matrices(mlp) * dModel * mlp.d_mlp);
  const all = spec.layers.map(of);
  if (!parameters || all.some((n) => n === null)) return null;
  return percent(all.reduce((sum: number, n) => sum + (n ?? 0), 0) / parameters);
}

/** Sizes of the feed-forward part on show: of a mixture of experts, or of one part that all tokens go through. */
export function sizesOf(spec: DecoderSpec | null, dModel: number, mlp: Mlp | null): Sizes {
  if (!spec || !mlp) return [['numbers per token', count(dModel)]];
  return mlp.experts ? mixtureSizes(spec, dModel, mlp, mlp.experts) : denseSizes(spec, dModel, mlp);
}

/** Weight matrices of one expert or one part. */
const matrices = (mlp: Mlp): number => (mlp.gated ? 3 : 2);

function mixtureSizes(spec: DecoderSpec, d: number, mlp: Mlp, mixture: NonNullable<Mlp['experts']>): Sizes {
  const shared = mixture.d_shared ?? 0;
  const gate = mixture.shared_gate ? 1 : 0;
  const each = matrices(mlp);
  const mixed = spec.layers.map((l) => l.mlp).filter((l) => l.experts);
  const weights = mixed.reduce(
    (sum, { d_mlp, experts: of }) =>
      sum + d * ((of?.count ?? 0) * (each * d_mlp + 1) + each * (of?.d_shared ?? 0) + (of?.shared_gate ? 1 : 0)),
    0,
  );
  return [
    ['experts per layer', count(mixture.count)],
    ['of them a token goes through', count(mixture.active)],
    ['neurons per expert', count(mlp.d_mlp)],
    ...(shared > 0 ? ([['neurons of the shared expert', count(shared)]] as Sizes) : []),
    ['router', `${count(mixture.count)} × ${count(d)}`],
    ['function', `${mlp.activation}${mlp.gated ? ', gated' : ''}`],
    ...(mixed.length < spec.layers.length
      ? ([['layers that are mixtures', `${mixed.length} of ${spec.layers.length}`]] as Sizes)
      : []),
    ['weights in all mixture layers', count(weights)],
    ['products per token and layer', count(d * (mixture.count + gate + each * (mixture.active * mlp.d_mlp + shared)))],
  ];
}

function denseSizes(spec: DecoderSpec, d: number, mlp: Mlp): Sizes {
  const dense = spec.layers.filter((l) => !l.mlp.experts).length;
  const weights = matrices(mlp) * d * mlp.d_mlp;
  return [
    ['neurons per layer', count(mlp.d_mlp)],
    ['in', `${count(d)} × ${count(mlp.d_mlp)}${mlp.gated ? ', twice (gated)' : ''}`],
    ['out', `${count(mlp.d_mlp)} × ${count(d)}`],
    ['function', mlp.activation],
    [`weights in all ${dense < spec.layers.length ? 'such ' : ''}layers`, count(weights * dense)],
    ['products per token and layer', count(weights)],
  ];
}
