/** The requests of chapter 9, shared by the page and its recording. */
import type { Heads, HeadCircuits, HeadEffects, HeadsRepeated, RunManifest } from '../../api/types';
import { headsEvidence } from '../../state/evidence';
import type { Ask } from '../../state/scene';

/** Tokens of the prompt that are looked at one by one. */
const MOST = 16;

export function profilesOf(run: string): Ask<object, Heads> {
  return { path: '/heads', body: { run } };
}

export function repeatedOf(): Ask<object, HeadsRepeated> {
  return { path: '/heads/repeated', body: { seed: 0 } };
}

/** @param token whose logit it is; the most probable next one where it is null */
export function effectsOf(run: string, pos: number, token: number | null): Ask<object, HeadEffects> {
  return { path: '/heads/effects', body: token === null ? { run, pos } : { run, pos, token } };
}

/** What a head seeks and writes, of these tokens. */
export function circuitsOf(layer: number, head: number, distance: number, ids: number[]): Ask<object, HeadCircuits> {
  return { path: '/heads/circuits', body: { layer, head, distance, ids, top: 6 } };
}

/** The ids of the prompt up to a position, each once, the nearest first. */
export function distinct(m: RunManifest, pos: number): number[] {
  const seen = m.tokens
    .slice(0, pos + 1)
    .reverse()
    .map((t) => t.id);
  return [...new Set(seen)].slice(0, MOST);
}

/** What the first example's recording holds of the server's answers. */
export function asks(m: RunManifest): Ask[] {
  const pos = m.prompt_length - 1;
  const { n_layers, n_heads } = m.model;
  const ids = distinct(m, pos);
  return [
    profilesOf(m.id),
    repeatedOf(),
    headsEvidence(m.id),
    effectsOf(m.id, pos, null),
    // Of the last layers, where the head that adds most is found; a recording of all would be too large.
    ...Array.from({ length: Math.min(2, n_layers) * n_heads }, (_, i) =>
      circuitsOf(n_layers - 1 - Math.floor(i / n_heads), i % n_heads, 1, ids),
    ),
  ];
}
