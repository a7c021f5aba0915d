import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The page's rooms and what each may import; ARCHITECTURE.md has the same table in words. */
const MAY: Record<string, string[]> = {
  api: [],
  kit: ['api'],
  state: ['api', 'kit'],
  chapters: ['api', 'kit', 'state'],
  views: ['api', 'kit', 'state', 'chapters'],
  shell: ['api', 'kit', 'state', 'chapters', 'views'],
};
/** Rooms of rooms: what is in one folder of them is nothing to another. */
const APART = ['chapters', 'views'];

/** Why this file may not import that one (both relative to src), or null. */
function objection(from: string, to: string): string | null {
  const [room, folder, ...rest] = from.split('/');
  const [other, otherFolder, ...otherRest] = to.split('/');
  if (!(room in MAY) || !(other in MAY)) return null; // App.svelte and main.ts put the rooms together
  if (room !== other) {
    if (!MAY[room].includes(other)) return `${room} may not import ${other}`;
    // From outside, a story's folders are reached through its list.
    return APART.includes(other) && otherRest.length > 0 ? `only ${other}/ itself reaches into ${otherFolder}` : null;
  }
  if (!APART.includes(room) || otherRest.length === 0) return null;
  if (from === `${room}/list.ts`) return null; // the list leads to them
  if (rest.length === 0) return `${room}/${folder} is shared: it names no folder of ${room}`;
  return folder === otherFolder ? null : `${room}/${folder} may not import ${room}/${otherFolder}`;
}

const src = fileURLToPath(new URL('../src', import.meta.url));
const imports = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.(ts|svelte)$/.test(f))
  .flatMap((name) => {
    const from = name.replaceAll('\\', '/');
    const text = readFileSync(join(src, name), 'utf8');
    return [...text.matchAll(/(?:\bfrom|\bimport\(?)\s*['"](\.[^'"]+)['"]/g)].map((m) => ({
      from,
      to: posix.join(posix.dirname(from), m[1]),
    }));
  });

describe('the rooms of the page', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(400);
    expect(new Set(imports.map((i) => i.from.split('/')[0]))).toContain('kit');
  });

  it('import only what lies below them', () => {
    const wrong = imports.flatMap(({ from, to }) => {
      const why = objection(from, to);
      return why ? [`${from} imports ${to}: ${why}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('are kept by a rule that objects', () => {
    expect(objection('kit/Heatmap.svelte', 'state/run.svelte')).toContain('kit may not import state');
    expect(objection('kit/Heatmap.svelte', 'chapters/list')).not.toBeNull();
    expect(objection('chapters/08-attention-qkv/Figure.svelte', 'chapters/09-multi-head/grid')).not.toBeNull();
    expect(objection('chapters/08-attention-qkv/index.ts', 'chapters/chapter')).toBeNull();
    expect(objection('chapters/Frame.svelte', 'chapters/08-attention-qkv/beats')).not.toBeNull();
    expect(objection('views/trace/Trace.svelte', 'views/compare/Setup.svelte')).not.toBeNull();
    expect(objection('views/trace/Trace.svelte', 'chapters/08-attention-qkv/beats')).not.toBeNull();
    expect(objection('views/trace/Trace.svelte', 'chapters/list')).toBeNull();
    expect(objection('shell/Rail.svelte', 'views/trace/Trace.svelte')).not.toBeNull();
    expect(objection('App.svelte', 'views/trace/Trace.svelte')).toBeNull();
  });
});
