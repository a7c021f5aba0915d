/** Places of a patching grid that are changed together: as text in the address, as cells of a request, and in words. Pure. */
import type { Analysis, AnalysisRequest } from '../paired';
import { plural } from '../../../kit/text/format';
import { columnWords, ORDER, pointWords, reaches, type Cell } from '../grid';

/** A hook point of a layer, at some positions or of some heads. */
export interface Place {
  layer: number;
  point: string;
  by: 'pos' | 'head';
  columns: number[];
}

type At = Pick<Cell, 'point' | 'layer' | 'column'>;

const PLACE = /^(\d{1,4})\.([a-z_.0-9]+)@(h?)(\d{1,6}(?:\.\d{1,6})*)$/;

/** '3.hook_attn_out@5.6,4.attn.hook_z@h2'; what is none is left out. */
export function parsePlaces(text: string | null): Place[] {
  return (text ?? '').split(',').flatMap((each) => {
    const found = PLACE.exec(each);
    if (!found) return [];
    const [, layer, point, by, columns] = found;
    return [{ layer: Number(layer), point, by: by ? 'head' : 'pos', columns: columns.split('.').map(Number) } as Place];
  });
}

/** Null where there is none. */
export function formatPlaces(places: Place[]): string | null {
  const text = places.map((p) => `${p.layer}.${p.point}@${p.by === 'head' ? 'h' : ''}${p.columns.join('.')}`);
  return text.length > 0 ? text.join(',') : null;
}

export const sizeOf = (places: Place[]): number => places.reduce((n, p) => n + p.columns.length, 0);

export const has = (places: Place[], at: At): boolean =>
  places.some((p) => p.layer === at.layer && p.point === at.point && p.columns.includes(at.column));

/** With these cells in it, or without them where all of them are in it; layer by layer, each with its columns in order. */
export function toggledCells(places: Place[], cells: At[], by: Place['by']): Place[] {
  const off = cells.every((c) => has(places, c));
  // Positions and heads are not mixed: they stand in different grids.
  const next = places.filter((p) => p.by === by).map((p) => ({ ...p, columns: [...p.columns] }));
  for (const { layer, point, column } of cells) {
    let place = next.find((p) => p.layer === layer && p.point === point);
    if (!place) next.push((place = { layer, point, by, columns: [] }));
    place.columns = place.columns.filter((c) => c !== column);
    if (!off) place.columns.push(column);
    place.columns.sort((a, b) => a - b);
  }
  const order = (p: Place) => ORDER.indexOf(p.point);
  return next
    .filter((p) => p.columns.length > 0)
    .sort((a, b) => a.layer - b.layer || order(a) - order(b) || a.point.localeCompare(b.point));
}

/** Whether any of them can change a cell. */
export const touches = (places: Place[], to: At): boolean =>
  places.some(
    (p) => p.by === 'pos' && p.columns.some((column) => reaches({ point: p.point, layer: p.layer, column }, to)),
  );

export function cellsOf(places: Place[]): NonNullable<AnalysisRequest['cells']> {
  return places.map((p) => ({
    hook: `blocks.${p.layer}.${p.point}`,
    ...(p.by === 'head' ? { heads: p.columns } : { positions: p.columns }),
  }));
}

/** The same of a kept request; what is not of a layer, or of a whole value, is left out. */
export function placesOf(cells: AnalysisRequest['cells']): Place[] {
  return (cells ?? []).flatMap(({ hook, heads, positions }): Place[] => {
    const found = /^blocks\.(\d+)\.(.+)$/.exec(hook);
    const columns = heads ?? positions;
    if (!found || !columns) return [];
    return [{ layer: Number(found[1]), point: found[2], by: heads ? 'head' : 'pos', columns }];
  });
}

/** 'layer 3: what attention adds at position 5, “·Ben”'; of many columns their numbers. */
export function placeWords(a: Analysis, p: Place): string {
  const one = p.columns.length === 1;
  const what = p.by === 'head' ? 'output of' : `${pointWords(p.point)} at`;
  const where = one
    ? columnWords(a, p.by, p.columns[0])
    : `${p.by === 'head' ? 'heads' : 'positions'} ${p.columns.join(', ')}`;
  return `layer ${p.layer}: ${what} ${where}`;
}

/** Who can receive a change, and how a request names them from a layer on. */
export const RECEIVERS = {
  logits: [],
  mlp: ['hook_mlp_out'],
  q: ['attn.hook_q'],
  k: ['attn.hook_k'],
  v: ['attn.hook_v'],
} as const;
export type Through = keyof typeof RECEIVERS;

/**
 * The metric with the places changed together: a grid of one place beside them, so that little else is measured.
 *
 * @param request of the grid
 */
export function setRequest(request: AnalysisRequest, places: Place[]): AnalysisRequest {
  const [first] = places;
  const { clean, corrupt, metric, direction, convention } = request;
  const noise = direction === 'noise' || convention === 'eap';
  const one = first.by === 'head' ? { by: 'head' as const } : { positions: [first.columns[0]] };
  return {
    kind: 'patch',
    clean,
    corrupt,
    ...(metric ? { metric } : {}),
    ...(noise ? { direction: 'noise' as const } : {}),
    points: [first.point],
    layers: [first.layer],
    ...one,
    cells: cellsOf(places),
    name: `${plural(sizeOf(places), 'place')} given together`,
  };
}

/** The places' change as it reaches each receiver of a kind alone. */
export function pathRequest(
  request: AnalysisRequest,
  places: Place[],
  through: Through,
  layersWith: number[],
): AnalysisRequest {
  const { clean, corrupt, metric, direction, convention } = request;
  const noise = direction === 'noise' || convention === 'eap';
  const from = Math.min(...places.map((p) => p.layer));
  const layers = layersWith.filter((l) => l >= from);
  const receivers =
    through === 'logits'
      ? [{ hook: 'logits' }]
      : RECEIVERS[through].flatMap((point) => layers.map((l) => ({ hook: `blocks.${l}.${point}` })));
  return {
    kind: 'path',
    clean,
    corrupt,
    ...(metric ? { metric } : {}),
    ...(noise ? { direction: 'noise' as const } : {}),
    cells: cellsOf(places),
    receivers,
  };
}

/** 'layer 4, head 2 (values)' of 'blocks.4.attn.hook_v, head 2'. */
export function receiverWords(receiver: string): string {
  const found = /^blocks\.(\d+)\.(.*?)(?:, head (\d+))?$/.exec(receiver);
  if (!found) return receiver === 'logits' ? 'the logits, directly' : receiver;
  const [, layer, point, head] = found;
  const what = { 'attn.hook_q': 'queries', 'attn.hook_k': 'keys', 'attn.hook_v': 'values' }[point];
  if (what) return `layer ${layer}, head ${head} (${what})`;
  return `layer ${layer}, ${point === 'hook_mlp_out' ? 'MLP' : point}`;
}
