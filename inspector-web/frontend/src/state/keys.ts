/** The layer whose keys and values a layer attends to: itself, or an earlier one that lends them (Gemma 3n, 4). Pure. */
export const keysLayer = (attention: { keys_from?: number } | null | undefined, layer: number): number =>
  attention?.keys_from ?? layer;
