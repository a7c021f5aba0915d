import { describe, expect, it } from 'vitest';
import {
  bytes,
  duration,
  eachOf,
  exact,
  magnitude,
  middle,
  ordinal,
  percent,
  plural,
  short,
} from '../src/kit/text/format';
import { called, clip, hex, parseIds, parts, visible } from '../src/kit/text/tokens';

describe('tokens as people see them', () => {
  it('show their spaces, line ends and tabs', () => {
    expect(visible(' a\n\tb')).toBe('·a↵⇥b');
    expect(parts(' the')).toEqual([
      { text: '·', mark: true },
      { text: 'the', mark: false },
    ]);
    expect(visible('')).toBe('∅');
  });

  it('show the bytes of broken UTF-8 and unseen characters as what they are', () => {
    expect(parts('<0xE2>x')).toEqual([
      { text: '<0xE2>', mark: true },
      { text: 'x', mark: false },
    ]);
    expect(visible('a\u200bb')).toBe('a\\u200bb');
    expect(visible('🦊 é')).toBe('🦊·é');
    expect(hex([226, 130, 172])).toBe('E2 82 AC');
  });

  it('are cut by character, not inside one', () => {
    expect(clip('🦊🦊🦊', 2)).toBe('🦊…');
    expect(clip('ab', 2)).toBe('ab');
  });

  it('are called by their text, or by their id where there is none', () => {
    expect(called({ id: 1, text: ' a', bytes: [32, 97], special: false })).toBe('“·a”');
    expect(called({ id: 17, text: '⟨17⟩', bytes: [], special: false })).toBe('⟨17⟩');
  });

  it('can be typed as ids', () => {
    expect(parseIds('[1, 2,3] 4;5', 10).ids).toEqual([1, 2, 3, 4, 5]);
    expect(parseIds('1 two', 10).wrong).toContain('two');
    expect(parseIds('1 10', 10).wrong).toContain('outside the vocabulary');
  });
});

describe('numbers', () => {
  const plain = (s: string) => s.replace(/\u202f/g, ' ');

  it('are per cents with one decimal above one', () => {
    expect(plain(percent(0.5))).toBe('50.0 %');
    expect(plain(percent(1))).toBe('100.0 %');
    expect(plain(percent(0.0034))).toBe('0.34 %');
    expect(plain(percent(0.9999999))).toBe('> 99.99 %');
    expect(plain(percent(1e-9))).toBe('1.0 × 10⁻⁷ %');
    expect(plain(percent(0))).toBe('0 %');
    expect(percent(6.9e-9)).not.toContain(' ');
  });

  it('have the digits that a float32 has', () => {
    expect(exact(Math.fround(0.1))).toBe('0.1');
    expect(exact(Math.fround(1 / 3))).toBe('0.33333334');
    expect(exact(-Infinity)).toBe('−∞');
  });

  it('have units', () => {
    expect(plain(bytes(1023))).toBe('1023 B');
    expect(plain(bytes(1536))).toBe('1.50 KiB');
    expect(plain(duration(1234))).toBe('1.2 s');
    expect(plain(magnitude(260032))).toBe('260 K');
    expect(plain(magnitude(1_500_000_000))).toBe('1.5 B');
    expect(short(1234.5678)).toBe('1235');
    expect(ordinal(1)).toBe('1st');
    expect(ordinal(12)).toBe('12th');
    expect(ordinal(23)).toBe('23rd');
  });

  it('count words as they are said', () => {
    expect([0, 1, 1234].map((n) => plural(n, 'layer'))).toEqual(['0 layers', '1 layer', '1,234 layers']);
    expect(plural(2, 'guess', 'guesses')).toBe('2 guesses');
    expect([1, 6].map((n) => eachOf(n, 'head'))).toEqual(['the one head', 'each of the 6 heads']);
  });

  it('and long names are cut in the middle', () => {
    expect(middle('model.layers.27.self_attn.q_proj.weight', 20)).toHaveLength(20);
    expect(middle('short', 20)).toBe('short');
  });
});
