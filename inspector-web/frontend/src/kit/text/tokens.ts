import type { Token, Tokenization } from '../../api/types';

/** Part is a stretch of a token's text: what is read, or a mark that stands for something unseen. */
export interface Part {
  text: string;
  mark: boolean;
}

const MARKS: Record<string, string> = { ' ': '·', '\n': '↵', '\r': '␍', '\t': '⇥', '\u00a0': '⍽' };
// C0 and C1 controls, zero-width and direction marks, and the replacement of a broken character.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/;

/** Splits a token's text so that spaces, newlines, tabs and unseen characters show as marks. */
export function parts(text: string): Part[] {
  const out: Part[] = [];
  const add = (piece: string, mark: boolean) => {
    const last = out.at(-1);
    if (last && last.mark === mark) last.text += piece;
    else out.push({ text: piece, mark });
  };
  const pieces = text.match(/<0x[0-9A-F]{2}>|[^]/gu) ?? [];
  for (const piece of pieces) {
    if (piece.length === 6 && piece.startsWith('<0x')) add(piece, true);
    else if (UNSEEN.test(piece)) add(MARKS[piece] ?? `\\u${piece.charCodeAt(0).toString(16).padStart(4, '0')}`, true);
    else add(piece, false);
  }
  return out;
}

/** The same as one string, for canvas and for labels. */
export function visible(text: string): string {
  if (text === '') return '∅';
  return parts(text)
    .map((p) => p.text)
    .join('');
}

/** Text cut to at most `max` code points, with an ellipsis. */
export function clip(text: string, max: number): string {
  const points = [...text];
  return points.length <= max ? text : `${points.slice(0, max - 1).join('')}…`;
}

/** 'E2 82 AC' */
export function hex(bytes: number[]): string {
  return bytes.map((b) => b.toString(16).toUpperCase().padStart(2, '0')).join(' ');
}

/** Ids as a person types them: '1, 5 7' or '[1,5,7]'. Gives the ids, or what is wrong. */
export function parseIds(text: string, vocab?: number): { ids: number[]; wrong?: string } {
  const words = text
    .replace(/[[\]]/g, ' ')
    .split(/[\s,;]+/)
    .filter(Boolean);
  const ids: number[] = [];
  for (const word of words) {
    if (!/^\d+$/.test(word)) return { ids, wrong: `“${clip(word, 12)}” is not a token id` };
    const id = Number(word);
    if (vocab !== undefined && id >= vocab)
      return { ids, wrong: `${word} is outside the vocabulary (0 to ${vocab - 1})` };
    ids.push(id);
  }
  return { ids };
}

/** Whether ids have texts: tokens of a model without a tokenizer have no bytes. */
export function hasTexts(tokens: Token[]): boolean {
  return tokens.some((t) => t.bytes.length > 0);
}

/** Name of a token in a sentence: its text in quotes, or its id where there is no text. */
export function called(token: Token | undefined): string {
  if (!token) return 'this token';
  const nameless = token.bytes.length === 0 && !token.special;
  return nameless ? token.text : `“${visible(token.text)}”`;
}

/** Tokens from the columns that the server sends. */
export function tokensOf({ ids, starts, ends, pieces }: Tokenization): Token[] {
  const known = new Map(pieces.map((p) => [p.id, p]));
  return ids.map((id, i) => {
    const piece = known.get(id);
    const where = starts[i] < 0 ? {} : { start: starts[i], end: ends[i] };
    return { id, text: piece?.text ?? '', bytes: piece?.bytes ?? [], special: piece?.kind === 'control', ...where };
  });
}
