/** How a text lies in its tokens: words and their pieces, where two cuts part, what stands around the text. */
import type { MergedPiece, MergeSymbol, Token, Tokenization } from '../../api/types';

/** A word, a number or a run of signs as a person sees it, and the tokens that hold its characters. */
export interface Word {
  text: string;
  /** UTF-16 indices in the text, as tokens have them. */
  start: number;
  end: number;
  /** Places in the list of tokens. */
  tokens: number[];
}

export function words(text: string, tokens: Token[]): Word[] {
  let from = 0;
  return [...text.matchAll(/[\p{L}\p{M}\p{N}'’]+|[^\s\p{L}\p{M}\p{N}]+/gu)].map(([word], i, all) => {
    const start = all[i].index;
    const end = start + word.length;
    while (from < tokens.length && (tokens[from].end ?? 0) <= start) from++;
    const held: number[] = [];
    for (let t = from; t < tokens.length && (tokens[t].start ?? end) < end; t++) {
      if (tokens[t].start !== undefined) held.push(t);
    }
    return { text: word, start, end, tokens: held };
  });
}

/** The word in the most pieces, the first of several; null where every word is whole. */
export function mostCut(all: Word[]): number | null {
  let most = -1;
  all.forEach((w, i) => {
    if (w.tokens.length > 1 && (most < 0 || w.tokens.length > all[most].tokens.length)) most = i;
  });
  return most < 0 ? null : most;
}

/** Characters as a person counts them: code points. */
export const characters = (text: string): number => [...text].length;

export const utf8 = (text: string): number => new TextEncoder().encode(text).length;

/** Tokens of one character between them: its bytes are spread over several. */
export function shared(tokens: Token[]): boolean[] {
  return tokens.map((t, i) => {
    const same = (o: Token | undefined) =>
      o?.start !== undefined && t.start !== undefined && o.start < (t.end ?? 0) && t.start < (o.end ?? 0);
    return same(tokens[i - 1]) || same(tokens[i + 1]);
  });
}

/** Which tokens of `these` are no token of `those`: where two cuts of one text part. */
export function parting(these: Token[], those: Token[]): boolean[] {
  const key = (t: Token) => `${t.start}:${t.end}`;
  const known = new Set(those.map(key));
  return these.map((t) => t.start !== undefined && !known.has(key(t)));
}

/** The symbols of a piece after the first `merges` of its merges. */
export function after(piece: MergedPiece, merges: number): MergeSymbol[] {
  const now = [...piece.symbols];
  for (const m of piece.merges.slice(0, merges)) now.splice(m.at, 2, m.result);
  return now;
}

/** The piece of the trace that holds this place of the text; the first that was merged when none does. */
export function pieceAt(pieces: MergedPiece[], at: number | null): MergedPiece | null {
  const held = at === null ? undefined : pieces.find((p) => p.start <= at && at < p.end);
  return held ?? pieces.reduce<MergedPiece | null>((a, b) => (b.merges.length > (a?.merges.length ?? 0) ? b : a), null);
}

/** Which tokens are not the text's own: the tokenizer or a chat template put them there. */
export function around({ ids, parts }: Tokenization): ('text' | 'template' | 'tokenizer')[] {
  const whose = ids.map((): 'text' | 'template' | 'tokenizer' => 'text');
  for (const { source, start, end } of parts) whose.fill(source, start, end);
  return whose;
}
