/** The requests of chapter 1, shared by the page and its recording. */
import type { TokenizerChoice } from '../../api/client';
import type { RunManifest, Tokenizations } from '../../api/types';
import type { Ask } from '../../state/scene';
import { askedOf, barOf } from '../../state/stored';
import { SENTENCES } from './scripts';

/** Published encodings that the same text is shown in. */
export const ENCODINGS = ['cl100k_base', 'o200k_base'];

export interface CutRequest {
  text: string;
  with: TokenizerChoice[];
  trace?: boolean;
}
export type CutAsk = Ask<CutRequest, Tokenizations>;

const cut = (body: CutRequest): CutAsk => ({ path: '/tokenizations', whole: true, body });

/** What a panel asks; null where the pieces themselves are enough. */
export function asksOf(panel: string, text: string, m: RunManifest, other: string | null): CutAsk[] | null {
  const { slug } = m.model;
  const own: TokenizerChoice = { model: slug, add_special_tokens: false };
  const encodings: TokenizerChoice[] = ENCODINGS.map((encoding) => ({ encoding }));
  switch (panel) {
    case 'merges':
      return [cut({ text, with: [own], trace: true })];
    case 'others':
      return [cut({ text, with: [own, ...encodings, ...(other ? [{ ...own, model: other }] : [])] })];
    case 'scripts':
      return SENTENCES.map((s) => cut({ text: s.text, with: [own, ...encodings] }));
    case 'around':
      return [cut({ text, with: [askedOf(m) === null ? { model: slug } : { model: slug, chat: true }] })];
    default:
      return null;
  }
}

/** What the recording holds of the server's answers. */
export function asks(m: RunManifest): Ask[] {
  const text = barOf(m).prompt ?? '';
  return ['merges', 'others', 'scripts', 'around'].flatMap((panel) => asksOf(panel, text, m, null) ?? []);
}
