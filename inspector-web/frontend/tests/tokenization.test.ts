import { describe, expect, it } from 'vitest';
import { tokensOf } from '../src/kit/text/tokens';
import type { MergedPiece, Token } from '../src/api/types';
import {
  after,
  around,
  characters,
  mostCut,
  parting,
  pieceAt,
  shared,
  utf8,
  words,
} from '../src/chapters/01-tokenization/cut';

/** Tokens over a text by their lengths in UTF-16; 0 is a mark of the tokenizer's own. */
function cut(text: string, ...lengths: number[]): Token[] {
  let at = 0;
  return lengths.map((n, id) => {
    if (n === 0) return { id, text: '<s>', bytes: [60], special: true };
    const start = at;
    at += n;
    return { id, text: text.slice(start, at), bytes: [1], start, end: at, special: false };
  });
}

describe('a text in its tokens', () => {
  it('knows the pieces of every word, signs apart, and the word in most of them', () => {
    const text = 'a cat, uncut';
    const all = words(text, cut(text, 0, 1, 4, 1, 3, 3));
    expect(all.map((w) => w.text)).toEqual(['a', 'cat', ',', 'uncut']);
    expect(all.map((w) => w.tokens)).toEqual([[1], [2], [3], [4, 5]]);
    expect(mostCut(all)).toBe(3);
    expect(mostCut(all.slice(0, 3)), 'every word is whole').toBeNull();
  });

  it('a piece over two words belongs to both', () => {
    const text = 'to be';
    expect(words(text, cut(text, 5)).map((w) => w.tokens)).toEqual([[0], [0]]);
    expect(words('  ', [])).toEqual([]);
  });

  it('counts characters as people do', () => {
    expect(characters('né🙂')).toBe(3);
    expect(utf8('né🙂')).toBe(7);
  });

  it('sees bytes of one character in several tokens', () => {
    const t = (start: number, end: number): Token => ({ id: 0, text: '', bytes: [1], start, end, special: false });
    expect(shared([t(0, 1), t(1, 3), t(1, 3), t(3, 4)])).toEqual([false, true, true, false]);
    expect(shared([{ id: 0, text: '<s>', bytes: [1], special: true }, t(0, 1)])).toEqual([false, false]);
  });

  it('marks where another cut parts', () => {
    const text = 'strawberry';
    expect(parting(cut(text, 5, 5), cut(text, 5, 2, 3))).toEqual([false, true]);
    expect(parting(cut(text, 0, 10), cut(text, 10))).toEqual([false, false]);
  });
});

describe('merges', () => {
  const symbol = (text: string) => ({ id: text.length, piece: text, text });
  const piece = (text: string, start: number, merges: MergedPiece['merges']): MergedPiece => ({
    text,
    start,
    end: start + text.length,
    kind: 'merged',
    symbols: [...text].map(symbol),
    merges,
    tokens: [],
  });
  const merge = (at: number, rank: number, left: string, right: string) => ({
    at,
    rank,
    left: symbol(left),
    right: symbol(right),
    result: symbol(left + right),
  });
  const abc = piece('abc', 4, [merge(1, 7, 'b', 'c'), merge(0, 9, 'a', 'bc')]);

  it('are walked one by one, there and back', () => {
    const state = (n: number) => after(abc, n).map((s) => s.text);
    expect([0, 1, 2, 1].map(state)).toEqual([['a', 'b', 'c'], ['a', 'bc'], ['abc'], ['a', 'bc']]);
  });

  it('are those of the piece that is pointed at, or of the one with most', () => {
    const other = piece('xy', 0, []);
    expect(pieceAt([other, abc], 1)).toBe(other);
    expect(pieceAt([other, abc], null)).toBe(abc);
    expect(pieceAt([], 1)).toBeNull();
  });
});

describe('columns from the server', () => {
  const told = {
    ids: [0, 7, 7],
    starts: [-1, 0, 2],
    ends: [-1, 2, 4],
    pieces: [
      { id: 0, piece: '<s>', text: '<s>', bytes: [60], kind: 'control' as const },
      { id: 7, piece: 'ab', text: 'ab', bytes: [97, 98], kind: 'piece' as const },
    ],
    parts: [
      { source: 'tokenizer' as const, start: 0, end: 1 },
      { source: 'text' as const, start: 1, end: 3 },
    ],
  } as unknown as Parameters<typeof tokensOf>[0];

  it('become tokens, each with its place', () => {
    expect(tokensOf(told)).toEqual([
      { id: 0, text: '<s>', bytes: [60], special: true },
      { id: 7, text: 'ab', bytes: [97, 98], special: false, start: 0, end: 2 },
      { id: 7, text: 'ab', bytes: [97, 98], special: false, start: 2, end: 4 },
    ]);
  });

  it('say whose each is', () => expect(around(told)).toEqual(['tokenizer', 'text', 'text']));
});
