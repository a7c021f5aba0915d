/** The way from a chapter into the Lab: the run's prompt and what is asked of it. */
import { lesson } from '../../api/lesson';
import type { RunManifest } from '../../api/types';
import { hasTexts } from '../../kit/text/tokens';
import type { PageState } from '../url';

/**
 * What leads to the Lab with a run's prompt; null in a lesson, which has no server, where no run is on show, and for a
 * conversation, which the Lab's field cannot say.
 *
 * @param own the Lab's settings, as its address has them
 * @param pos the position that is asked about, behind the prompt too; the prompt's last where none is named
 */
export function toLab(
  run: RunManifest | null,
  own: Record<string, string>,
  pos: number | null = null,
): Partial<PageState> | null {
  if (lesson || !run || run.request.messages) return null;
  const end = Math.max(run.prompt_length, (pos ?? 0) + 1);
  const reads: Record<string, string> = pos === null || pos === end - 1 ? {} : { reads: String(pos) };
  return { model: run.model.slug, own: { ...own, clean: textOf(run, end), ...reads } };
}

/** The first tokens as the Lab's field has them: text, or ids where tokens have no texts. */
function textOf(run: RunManifest, end: number): string {
  const { prompt } = run.request;
  if (prompt !== undefined && end === run.prompt_length) return prompt;
  const tokens = run.tokens.slice(0, end);
  if (!hasTexts(tokens)) return tokens.map((t) => t.id).join(' ');
  return tokens.flatMap((t) => (t.special ? [] : t.text)).join('');
}

/** The address's name of a head, given to the other run alone. */
export const headPlace = (layer: number, head: number): string => `${layer}.attn.hook_z@h${head}`;
