/** The requests of chapter 2, shared by the page and its recording. */
import type { EmbeddingsMap, MapRequest, Neighbours, NeighboursRequest, RunManifest, Token } from '../../api/types';
import type { Ask } from '../../state/scene';

export type NearAsk = Ask<NeighboursRequest, Neighbours>;
export type MapAsk = Ask<MapRequest, EmbeddingsMap>;

/** How many points a map is made of at most. */
const POINTS = 120;

/** Rows near a row, or near a sum of rows less others. */
export function nearRows(plus: number[], metric: 'cosine' | 'dot' = 'cosine', minus: number[] = [], top = 12): NearAsk {
  const of = minus.length > 0 ? { plus, minus } : { plus };
  return { path: '/embeddings/neighbours', body: { of, metric, top } };
}

/** The unembedding's rows by their product with the last vector of a position: the logits. */
export function nearLast(run: string, pos: number): NearAsk {
  return {
    path: '/embeddings/neighbours',
    body: { table: 'unembed', of: { vector: { run, hook: 'ln_final.hook_out', pos } }, metric: 'dot', top: 12 },
  };
}

export function mapOf(ids: number[]): MapAsk {
  return { path: '/embeddings/map', body: { ids: ids.slice(0, POINTS) } };
}

/** The same map with the way of the stream at two positions: after the embedding and after each block. */
export function waysOn(ids: number[], m: RunManifest, positions: number[]): MapAsk {
  const hooks = ['hook_embed', ...Array.from({ length: m.model.n_layers }, (_, i) => `blocks.${i}.hook_resid_post`)];
  return {
    path: '/embeddings/map',
    body: {
      ids: ids.slice(0, POINTS),
      vectors: positions.flatMap((pos) => hooks.map((hook) => ({ run: m.id, hook, pos }))),
    },
  };
}

/** The prompt's words, each id once, in order; all its tokens where they are no words. */
export function distinct(m: RunManifest): Token[] {
  const all = once(m);
  const spoken = all.filter(isWord);
  return spoken.length > 2 ? spoken : all;
}

function once(m: RunManifest): Token[] {
  const seen = new Set<number>();
  return m.tokens.slice(0, m.prompt_length).filter((t) => !seen.has(t.id) && seen.add(t.id));
}

export const isWord = (t: Token): boolean => !t.special && (t.bytes.length === 0 || /\p{L}/u.test(t.text));

/** Tokens that stand in the prompt twice or more, each with its first and its last position; words with the widest gap first. */
export function repeated(m: RunManifest): { token: Token; at: [number, number] }[] {
  const places = new Map<number, [number, number]>();
  m.tokens.slice(0, m.prompt_length).forEach((t, i) => {
    const had = places.get(t.id);
    places.set(t.id, [had?.[0] ?? i, i]);
  });
  return [...places.values()]
    .filter(([a, b]) => a < b)
    .map((at) => ({ token: m.tokens[at[0]], at }))
    .sort((x, y) => Number(isWord(y.token)) - Number(isWord(x.token)) || y.at[1] - y.at[0] - (x.at[1] - x.at[0]));
}

/** What the first example's recording holds of the server's answers. */
export function asks(m: RunManifest): Ask[] {
  const ids = distinct(m).map((t) => t.id);
  const every = once(m).map((t) => t.id);
  const twice = repeated(m)[0];
  return [
    ...every.map((id) => nearRows([id])),
    mapOf(ids),
    ...(twice ? [waysOn(ids, m, twice.at)] : []),
    nearLast(m.id, m.prompt_length - 1),
  ];
}
