import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Every pixel real: the source holds no random numbers, no made-up ones and no matrices. */
const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.(ts|svelte|css|html)$/.test(f))
  .map((name) => ({ name, text: readFileSync(join(src, name), 'utf8') }));

const offending = (pattern: RegExp, except: RegExp = /^$/) =>
  files
    .filter((f) => !except.test(f.name))
    .flatMap((f) => [...f.text.matchAll(pattern)].map((m) => `${f.name}: ${m[0].slice(0, 60)}`));

describe('the source', () => {
  it('is found', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it('makes no random numbers', () => {
    expect(offending(/Math\s*\.\s*random|getRandomValues|\bseedrandom\b|\bfaker\b/g)).toEqual([]);
  });

  it('holds no long lists of numbers and no matrices', () => {
    expect(offending(/\[\s*(?:-?\d[\d.e+-]*\s*,\s*){6,}-?\d[\d.e+-]*\s*,?\s*\]/g)).toEqual([]);
    // Tables of numbers are the colour ramps' stops and the points of a drawing that stands for no model's values.
    const tables = /^kit\/paint\/ramps\.ts$|^chapters\/MapGlyph\.svelte$/;
    expect(offending(/\[\s*(?:\[\s*-?[\d.]+\s*(?:,\s*-?[\d.]+\s*)+\]\s*,\s*){2,}/g, tables)).toEqual([]);
  });

  it('fetches from its own server only', () => {
    // Papers, and what the last page names, are linked to, never fetched.
    const linked = /^views\/further\/Further\.svelte$/;
    expect(offending(/https?:\/\/(?!www\.w3\.org|arxiv\.org\/abs|127\.0\.0\.1|localhost)[^\s'"`)]+/g, linked)).toEqual(
      [],
    );
  });

  it('holds no inline scripts, no eval and no raw HTML', () => {
    expect(offending(/\beval\(|new Function\(|\{@html/g)).toEqual([]);
  });
});
