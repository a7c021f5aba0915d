import { describe, expect, it } from 'vitest';
import type { PositionSchemes, Token } from '../src/api/types';
import {
  exchanged,
  fastAndSlow,
  hands,
  schemeOf,
  scoreAt,
  spread,
  swappedTexts,
  type Term,
} from '../src/chapters/10-rope/turns';

const term = (frequency: number, cosine: number, sine: number): Term => ({
  pair: 0,
  frequency,
  cosine,
  sine,
  mean_cosine: 0,
  mean_sine: 0,
});
const text = (words: string[]): Token[] =>
  words.map((w, i) => ({ id: i, text: w, bytes: [1], special: w.startsWith('<') }));

describe('turns', () => {
  it('a hand’s shadow is a cos(f d) − b sin(f d), and all shadows are the score', () => {
    const terms = [term(1, 2, 0.5), term(0.01, -1, 3)];
    for (const d of [0, 1, 7]) {
      const told = terms.map((t) => t.cosine * Math.cos(t.frequency * d) - t.sine * Math.sin(t.frequency * d));
      expect(hands(terms[0], d).after.x).toBeCloseTo(told[0], 12);
      expect(scoreAt(terms, 0.25, d)).toBeCloseTo(0.25 + told[0] + told[1], 12);
    }
    expect(hands(terms[1], 5).before).toEqual({ x: -1, y: 3 });
  });

  it('finds a fast and a slow pair that have something to show', () => {
    const terms = [
      term(1, 0.1, 0),
      term(0.5, 3, 0),
      term(0.1, 9, 0),
      term(0.05, 1, 1),
      term(0.01, 0, 2),
      term(0.001, 0, 0),
    ];
    const [fast, slow] = fastAndSlow(terms)!;
    expect(fast).toBe(0);
    expect(slow).toBe(4);
    expect(fastAndSlow([])).toBeNull();
  });

  it('spreads dials evenly from the first to the last', () => {
    expect(spread(4, 9)).toEqual([0, 1, 2, 3]);
    const some = spread(64, 5);
    expect(some).toHaveLength(5);
    expect([some[0], some[4]]).toEqual([0, 63]);
  });

  it('exchanges two words of weight in the first sentence, and leaves spaces where they are', () => {
    const tokens = text(['<b>', 'Mia', ' gave', ' the', ' ball', ' to', ' Ben', '.', ' She']);
    const found = exchanged(tokens)!;
    expect(found.words).toEqual([1, 6]);
    expect(found.prompt).toEqual({ prompt: 'Ben gave the ball to Mia. She' });
    expect(swappedTexts(tokens, [1, 6]).join('|')).toBe('<b>|Ben| gave| the| ball| to| Mia|.| She');
  });

  it('takes no piece of a word where there are words, and exchanges ids where there are none', () => {
    const pieces = text(['The', ' ca', 'ke', ' and', ' so']);
    expect(exchanged(pieces)?.words).toEqual([0, 4]);
    expect(exchanged(pieces)?.prompt).toEqual({ tokens: [4, 1, 2, 3, 0].map((i) => pieces[i].id) });
    const bare = [5, 9, 5].map((id) => ({ id, text: `⟨${id}⟩`, bytes: [], special: false }));
    expect(exchanged(bare)).toEqual({ prompt: { tokens: [9, 5, 5] }, words: [0, 1] });
    expect(exchanged([])).toBeNull();
  });

  it('knows the scheme of a layer', () => {
    const schemes = { schemes: [{ layers: [0, 2] }, { layers: [1] }] } as unknown as PositionSchemes;
    expect(schemeOf(schemes, 2)).toBe(schemes.schemes[0]);
    expect(schemeOf(schemes, 5)).toBeNull();
    expect(schemeOf(null, 0)).toBeNull();
  });
});
