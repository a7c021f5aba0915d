/** Layout of the grid of attention patterns. */

/** The place of each head in the grid, by its number: in the model's order a column per layer; sorted, row after row. */
export function places(
  count: number,
  layers: number,
  heads: number,
  order: number[] | null,
): [col: number, row: number][] {
  const all: [number, number][] = new Array<[number, number]>(count);
  if (order) order.forEach((index, rank) => (all[index] = [rank % layers, Math.floor(rank / layers)]));
  else for (let i = 0; i < count; i++) all[i] = [Math.floor(i / heads), i % heads];
  return all;
}
