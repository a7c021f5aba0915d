/** Which model a view runs without being asked to. Pure. */
import { bytes } from '../kit/text/format';

/** What decides it. */
export interface Facts {
  /** The model that a reader chose, or an address. */
  chosen: string | null;
  /** The server's own; null while it has not answered. */
  fallback: string | null;
  /** The model of the view's recording; null where there is none, or while it has not come. */
  recorded: string | null;
  /** Bytes of a model's weights on disk, and whether an engine holds it; null for a model that is not known. */
  about(slug: string): { bytes: number; open: boolean; trouble?: string } | null;
}

export interface Unasked {
  /** The model whose run the view shows; null while that cannot be said. */
  model: string | null;
  /** Why nothing is run unasked, in words, as the reason beside Run; null where it is. */
  why: string | null;
}

/** Most bytes of weights that are read unasked: they are open within seconds from any disk. */
const SMALL = 1 << 30;

/**
 * The chosen model, else the server's default. A model that is neither open nor small is opened only when Run is pressed:
 * until then a default gives way to the recording's model, which is always here and small.
 */
export function unasked({ chosen, fallback, recorded, about }: Facts): Unasked {
  const slug = chosen ?? fallback;
  if (slug === null) return { model: null, why: null };
  const model = about(slug);
  if (model?.trouble) return { model: slug, why: model.trouble };
  if (!model || model.open || model.bytes <= SMALL) return { model: slug, why: null };
  if (chosen === null && recorded !== null && about(recorded)) return { model: recorded, why: null };
  return { model: slug, why: `${slug} is not open: it has ${bytes(model.bytes)} to be read. Press Run to open it` };
}
