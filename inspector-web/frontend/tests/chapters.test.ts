import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAPTERS } from '../src/chapters/list';
import { SHARED } from '../src/state/url';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');

describe('the path', () => {
  it('is in the order of its numbers, which are those of the folders', () => {
    expect(CHAPTERS.map((c) => c.number)).toEqual(CHAPTERS.map((_, i) => i + 1));
    for (const c of CHAPTERS) expect(c.folder).toMatch(/^\d\d-[a-z0-9-]+$/);
  });

  it('names every folder that there is', () => {
    const folders = readdirSync(join(src, 'chapters'), { withFileTypes: true }).filter((e) => e.isDirectory());
    for (const { name } of folders) expect(CHAPTERS.find((c) => c.folder === name)?.record, name).toBeTruthy();
  });

  it('keeps the groups whole', () => {
    const runs = CHAPTERS.map((c) => c.group).filter((g, i, all) => g !== all[i - 1]);
    expect(new Set(runs).size).toBe(runs.length);
  });

  for (const { folder, record } of CHAPTERS) {
    if (!record) continue;
    it(`has a record of ${folder} that is light and takes no name that all views share`, () => {
      const text = readFileSync(join(src, 'chapters', folder, 'index.ts'), 'utf8');
      const imports = [...text.matchAll(/^import (?!type).* from '(.*)';/gm)].map((m) => m[1]);
      const light = /^\.\.\/\.\.\/state\/(params|scene)$/;
      expect(imports.filter((i) => !light.test(i))).toEqual([]);
      for (const name of Object.keys(record.params)) expect(SHARED).not.toContain(name);
      expect(record.examples.length).toBeGreaterThan(0);
      expect(record.teaches).toMatch(/\.$/);
    });
  }

  it('is named nowhere else: a chapter is its folder and its line', () => {
    const folders = new RegExp(CHAPTERS.map((c) => c.folder).join('|'));
    const elsewhere = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((f) => /\.(ts|svelte|css)$/.test(f) && !/^chapters\/(\d|list\.ts$)/.test(f))
      .filter((f) => folders.test(readFileSync(join(src, f), 'utf8')));
    expect(elsewhere).toEqual([]);
  });
});

/** A sixteenth chapter in a copy of the page: one folder, one line. */
describe('a chapter more', () => {
  const copy = mkdtempSync(join(tmpdir(), 'inspector-page-'));
  let vite: ViteDevServer;

  beforeAll(async () => {
    cpSync(src, join(copy, 'src'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const folder = join(copy, 'src/chapters/16-probe');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'index.ts'),
      `import { choice } from '../../state/params';
       export const record = {
         teaches: 'Nothing.', concept: 'kv', hooks: ['blocks.*.attn.hook_q'], needs: [], params: { way: choice('up', 'down') },
         examples: [{ prompt: 'A prompt of its own', says: 'its own' }], load: () => import('./Words'),
       };`,
    );
    writeFileSync(join(folder, 'Words.ts'), `export default 'its words';`);
    const list = join(copy, 'src/chapters/list.ts');
    const line = `  { folder: '16-probe', title: 'Probe', group: 'Serving' },\n];`;
    writeFileSync(list, readFileSync(list, 'utf8').replace('];', line));
    vite = await createServer({
      root: copy,
      configFile: false,
      logLevel: 'error',
      server: { middlewareMode: true, watch: null, ws: false },
      appType: 'custom',
    });
  }, 60_000);

  afterAll(async () => {
    await vite?.close();
    rmSync(copy, { recursive: true, force: true });
  });

  it('has its place on the path, its address, its names in the URL and its code', async () => {
    const {
      CHAPTERS: chapters,
      GROUPS: groups,
      chapterOf,
      neighbour,
    } = await vite.ssrLoadModule('/src/chapters/list.ts');
    const { parseUrl, formatUrl } = await vite.ssrLoadModule('/src/state/url.ts');
    const page = parseUrl(new URL('http://localhost/chapters/16-probe?way=down&layer=2'));
    expect(page).toMatchObject({ view: 'chapters/16-probe', own: { way: 'down' }, layer: 2 });
    expect(formatUrl(page)).toBe('/chapters/16-probe?layer=2&way=down');
    const chapter = chapterOf(page.view);
    expect(chapter).toMatchObject({ number: 16, title: 'Probe' });
    expect(groups.at(-1).chapters.at(-1)).toBe(chapter);
    expect(neighbour(chapter, 1)).toBeNull();
    const before = chapters.filter((c: { record: unknown }) => c.record).at(-2) ?? null;
    expect(neighbour(chapter, -1)).toBe(before);
    expect((await chapter.record.load()).default).toBe('its words');
  }, 60_000);
});
