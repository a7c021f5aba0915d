import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
/** The kit's rooms and which of them each may import. No two of them import each other, over others neither. */
const KIT: Record<string, string[]> = {
  paint: [],
  data: [],
  text: ['paint'],
  controls: ['data'],
  plots: ['paint', 'data', 'text'],
  figure: ['paint', 'data', 'text', 'plots'],
};
/** Rooms whose folders do not import each other. */
const APART = ['chapters', 'views'];
/** Most source files in one folder; a chapter's folder is its own and may have more. */
const MOST_FILES = 25;
/** Most lines in one file: beyond that it has more than one idea. */
const MOST_LINES = 450;
/** Most lines of a Chapter.svelte, which is its words and its figure: what they need to know is in its state and model. */
const MOST_CHAPTER = 200;

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
  if (room === 'kit' && folder !== otherFolder) {
    return KIT[folder]?.includes(otherFolder) ? null : `kit/${folder} may not import kit/${otherFolder}`;
  }
  if (!APART.includes(room) || otherRest.length === 0) return null;
  if (from === `${room}/list.ts`) return null; // the list leads to them
  if (rest.length === 0) return `${room}/${folder} is shared: it names no folder of ${room}`;
  return folder === otherFolder ? null : `${room}/${folder} may not import ${room}/${otherFolder}`;
}

const src = fileURLToPath(new URL('../src', import.meta.url));
/** Every source file with its text; the types that are made of openapi.yaml are not the page's own. */
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((name) => ({ name: name.replaceAll('\\', '/') }))
  .filter(({ name }) => /\.(ts|svelte|css)$/.test(name) && name !== 'api/types.d.ts')
  .map(({ name }) => ({ name, text: readFileSync(join(src, name), 'utf8') }));
const imports = files.flatMap(({ name, text }) =>
  [...text.matchAll(/(?:\bfrom|\bimport\(?)\s*['"](\.[^'"]+)['"]/g)].map((m) => ({
    from: name,
    to: posix.join(posix.dirname(name), m[1]),
  })),
);

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

  it('of the kit have directions without circles', () => {
    const done: string[] = [];
    const open = Object.keys(KIT);
    while (open.length > 0) {
      const next = open.findIndex((room) => KIT[room].every((other) => done.includes(other)));
      expect(next, `a circle among kit/${open.join(', kit/')}`).not.toBe(-1);
      done.push(...open.splice(next, 1));
    }
  });

  it('of the kit are no more than they are used for', () => {
    const used = new Set(
      imports
        .filter(({ from, to }) => from.startsWith('kit/') && to.startsWith('kit/'))
        .map(({ from, to }) => `${from.split('/')[1]} ${to.split('/')[1]}`),
    );
    const unused = Object.entries(KIT).flatMap(([room, may]) => may.map((other) => `${room} ${other}`));
    expect(unused.filter((direction) => !used.has(direction))).toEqual([]);
  });

  it('have folders of few files', () => {
    const counts = new Map<string, number>();
    for (const { name } of files) counts.set(posix.dirname(name), (counts.get(posix.dirname(name)) ?? 0) + 1);
    const full = [...counts].filter(([folder, n]) => n > MOST_FILES && !/^chapters\/\d/.test(folder));
    expect(full).toEqual([]);
  });

  it('have files of one idea', () => {
    const long = files.map((f) => ({ name: f.name, lines: f.text.trimEnd().split('\n').length }));
    const most = (name: string) => (name.endsWith('/Chapter.svelte') ? MOST_CHAPTER : MOST_LINES);
    expect(long.filter((f) => f.lines > most(f.name))).toEqual([]);
  });

  it('keep what a chapter may show apart from what it has fetched', () => {
    const models = files.filter(({ name }) => /^chapters\/\d\d-[^/]+\/model\.ts$/.test(name));
    const chapters = files.filter(({ name }) => /^chapters\/\d\d-[^/]+\/Chapter\.svelte$/.test(name));
    expect(models.length).toBe(chapters.length);
    const reactive = models.filter(({ text }) => /from '\.\.\/\.\.\/state\/|\.svelte'|\$derived|\$state/.test(text));
    expect(reactive.map((f) => f.name)).toEqual([]);
  });

  it('name files of the program that are there', () => {
    const named = files.flatMap(({ name, text }) =>
      [...text.matchAll(/'(inspector-[a-z]+\/src\/[^']+)'/g)].map((m) => ({ name, path: m[1] })),
    );
    expect(named.length).toBeGreaterThan(20);
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    expect(named.filter(({ path }) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('are kept by a rule that objects', () => {
    expect(objection('kit/plots/Heatmap.svelte', 'state/run.svelte')).toContain('kit may not import state');
    expect(objection('kit/plots/Heatmap.svelte', 'chapters/list')).not.toBeNull();
    expect(objection('kit/text/Formula.svelte', 'kit/plots/marks')).not.toBeNull();
    expect(objection('kit/plots/Plot.svelte', 'kit/text/format')).toBeNull();
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
