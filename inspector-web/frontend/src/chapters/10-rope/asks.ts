/** The requests of chapter 10, shared by the page and its recording. */
import type {
  Logprobs,
  PositionDistances,
  PositionHeads,
  PositionSchemes,
  PositionShift,
  RunManifest,
} from '../../api/types';
import type { Ask } from '../../state/scene';
import { exchanged } from './turns';

/** The farthest distance that is drawn. */
export const FAR = 64;
export const BY = 100;

export function schemesOf(model: string): Ask<null, PositionSchemes> {
  return { path: `/models/${model}/positions`, body: null };
}

export function headsOf(run: string): Ask<object, PositionHeads> {
  return { path: '/positions/heads', body: { run, most: FAR } };
}

export function distancesOf(
  run: string,
  layer: number,
  head: number,
  query: number,
  key: number | null,
): Ask<object, PositionDistances> {
  const body = { run, layer, head, query, most: FAR };
  return { path: '/positions/distances', body: key === null ? body : { ...body, key } };
}

export function shiftOf(run: string, by: number, layer: number): Ask<object, PositionShift> {
  return { path: '/positions/shift', body: { run, by, layer } };
}

/** What comes next after this; the token that is asked about has the alternatives at its place. */
export function nextOf(
  model: string,
  prompt: { prompt: string } | { tokens: number[] },
  then: number,
): Ask<object, Logprobs> {
  return { path: '/logprobs', body: { request: { model, ...prompt }, tokens: [then], top: 6 } };
}

/** What the first example's recording holds of the server's answers. */
export function asks(m: RunManifest): Ask[] {
  const query = m.prompt_length - 1;
  const ids = m.tokens.slice(0, m.prompt_length).map((t) => t.id);
  const swapped = exchanged(m.tokens.slice(0, m.prompt_length));
  const then = m.tokens[m.prompt_length]?.id ?? ids[0];
  const { n_layers, n_heads } = m.model;
  return [
    schemesOf(m.model.slug),
    headsOf(m.id),
    ...Array.from({ length: n_layers * n_heads }, (_, i) =>
      distancesOf(m.id, Math.floor(i / n_heads), i % n_heads, query, null),
    ),
    ...Array.from({ length: n_layers }, (_, layer) => shiftOf(m.id, BY, layer)),
    ...(swapped ? [nextOf(m.model.slug, { tokens: ids }, then), nextOf(m.model.slug, swapped.prompt, then)] : []),
  ];
}
