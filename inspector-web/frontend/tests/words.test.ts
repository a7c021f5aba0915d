import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Words that the page's code, comments and sentences do not use, each with the field's own word. An identifier is read
 * word by word: `twinRun` has 'twin' in it.
 */
const BANNED: Record<string, string> = {
  twin: 'paired run, comparison',
  twins: 'paired run, comparison',
  exam: 'evaluation',
  glance: 'summary',
  tapped: 'hooked',
  rereading: 'replay, recapture',
  nobody: 'name who or what',
  somebody: 'name who or what',
  whoever: 'name who or what',
  'so many': 'the number’s name',
  '(tokens|bytes|bits|nats|numbers|products|flops|milliseconds|ms) an? (token|second|byte|weight|code|layer)':
    'per token, per second',
  'what of it': 'say of what',
};

/** The banned words of a text. */
function banned(text: string): string[] {
  const words = text
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[\s_*/]+/g, ' ')
    .toLowerCase();
  return Object.keys(BANNED).filter((word) => new RegExp(`\\b${word}\\b`).test(words));
}

const root = fileURLToPath(new URL('..', import.meta.url));
/** The page's source and its tests; the types that are made of openapi.yaml and this file's own list are not the page's words. */
const files = ['src', 'tests'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((f) => /\.(ts|svelte|css)$/.test(f) && !/types\.d\.ts$|^words\.test\.ts$/.test(f))
    .map((f) => join(folder, f)),
);

describe('the words of the page', () => {
  it('are the field’s', () => {
    const found = files.flatMap((name) =>
      banned(readFileSync(join(root, name), 'utf8')).map((word) => `${name}: ${word}, better ${BANNED[word]}`),
    );
    expect(files.length).toBeGreaterThan(200);
    expect(found).toEqual([]);
  });

  it('are kept by a rule that finds them in identifiers and over line ends', () => {
    expect(banned('const twinRun = 1')).toEqual(['twin']);
    expect(banned('/** at most so\n * many tokens */')).toEqual(['so many']);
    expect(banned('Nobody asked')).toEqual(['nobody']);
    expect(banned('12 tokens a second')).toHaveLength(1);
    expect(banned('timeline.decode.tapped.min')).toEqual(['tapped']);
    expect(banned('for example, at most so many-sided')).toEqual(['so many']);
    expect(banned('an example')).toEqual([]);
  });
});
