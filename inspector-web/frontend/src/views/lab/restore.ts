/** What has to be given back to a quantized model: shares by layer and module, and the least set in words. Pure. */
import type { Analysis } from './paired';
import { called } from '../../kit/text/tokens';
import { plural, short } from '../../kit/text/format';
import { share } from './words';

/** A value given back, and how much of the difference that mends. */
export interface Mended {
  point: string;
  layer: number;
  share: number;
  value: number;
}

export function mendedOf(a: Analysis): Mended[] {
  return a.scores.flatMap((s) =>
    s.layers.flatMap((layer, i) => {
      const [effect, value] = [s.effects?.[i], s.values[i]];
      return s.shape.length === 1 && typeof effect === 'number' && value !== null
        ? [{ point: s.point, layer, share: effect, value }]
        : [];
    }),
  );
}

/** 'the MLP of layer 1'. */
export function placeWords(hook: string): string {
  const found = /^blocks\.(\d+)\.(.*)$/.exec(hook);
  if (!found) return hook;
  const what = { hook_attn_out: 'attention', hook_mlp_out: 'the MLP' }[found[2]] ?? found[2];
  return `${what} of layer ${found[1]}`;
}

function listed(places: string[]): string {
  const words = places.map(placeWords);
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

const precisionOf = (r: Analysis['clean']): string => r.engine.precision.replace(/_\d+$/, '').toUpperCase();

/** How much of the difference a value of the metric leaves mended. */
export const mendedBy = (a: Analysis, value: number): number =>
  (value - a.metric.corrupt) / (a.metric.clean - a.metric.corrupt);

/** The most values of which the server looks for a least set: the best alone. */
const MOST = 64;

/** Values given back one by one, of whichever shape a place has. */
const tried = (a: Analysis): number =>
  a.scores.reduce((n, s) => n + (s.effects ?? []).filter((e) => e !== null).length, 0);

export function restoreTitle(a: Analysis): string {
  const r = a.restored;
  const corrupt = precisionOf(a.corrupt);
  if (!r) return `What ${corrupt} has to be given back`;
  const by = share(mendedBy(a, r.value));
  if (!r.mended) {
    const fails = r.answers ? 'and the answer stays another one' : `nine tenths would be enough`;
    const all = tried(a) > MOST ? `The ${MOST} best of ${tried(a)} values` : 'All values';
    return `${all} given back together mend ${by} of what ${corrupt} changes: ${fails}`;
  }
  const given = `Given ${listed(r.places)} of ${precisionOf(a.clean)}, ${corrupt}`;
  return r.answers ? `${given} answers as it should` : `${given} has ${by} of the difference mended`;
}

/** What the two precisions answer, how far they are apart, and the one value that mends most. */
export function restoreSays(a: Analysis): string[] {
  const [x, y] = [a.clean.top, a.corrupt.top];
  const [p, q] = [precisionOf(a.clean), precisionOf(a.corrupt)];
  const same = x.id === y.id;
  const far = a.metric.name === 'kl' ? `, ${short(a.metric.corrupt)} nats of KL divergence apart` : '';
  const out = [
    same ? `${p} and ${q} both answer ${called(x)}${far}` : `${p} answers ${called(x)}, ${q} ${called(y)}${far}`,
  ];
  const all = mendedOf(a);
  if (all.length > 0) {
    const best = all.reduce((m, v) => (v.share > m.share ? v : m));
    const alone = placeWords(`blocks.${best.layer}.${best.point}`);
    out.push(`of ${plural(all.length, 'value')} tried alone, ${alone} mends most: ${share(best.share)}`);
  }
  return out;
}
