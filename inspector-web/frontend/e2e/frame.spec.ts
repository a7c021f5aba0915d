import { defaultModel, expect, figure, runPrompt, somePrompt, test } from './support';

/** What the page may weigh before anybody has scrolled: markup, code, fonts and the recording's first part. */
const MOST_BYTES = 350 * 1024;
/** The tiny model's values that its live run may ask for then: the walk, and one pattern at most. */
const MOST_VALUES_BYTES = 96 * 1024;
const VALUES = /^\/api\/v1\/(runs\/.*\/captures|norms|lens|reads)/;

test('the first view weighs at most 350 KiB, fonts and recording included, and 96 KiB of live values', async ({
  page,
}) => {
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  const names = new Map<string, string>();
  const sizes = new Map<string, number>();
  client.on('Network.requestWillBeSent', (e) => names.set(e.requestId, new URL(e.request.url).pathname));
  client.on('Network.loadingFinished', (e) => {
    const name = names.get(e.requestId) ?? '?';
    sizes.set(name, (sizes.get(name) ?? 0) + e.encodedDataLength);
  });
  await page.goto('/');
  await expect(figure(page, 'tokens')).toBeVisible();
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => document.fonts.ready);
  await expect(page.getByTestId('status')).toContainText('Live run:', { timeout: 60_000 });
  await page.waitForLoadState('networkidle');
  // Lists and earlier runs' manifests are as long as the server's history: they are left out.
  const weight = (counted: (path: string) => boolean) => {
    const all = [...sizes].filter(([n]) => counted(n)).sort((a, b) => b[1] - a[1]);
    return { total: all.reduce((sum, [, size]) => sum + size, 0), most: JSON.stringify(all.slice(0, 12)) };
  };
  const [own, values] = [weight((n) => !n.startsWith('/api/')), weight((n) => VALUES.test(n))];
  expect(own.total, own.most).toBeLessThan(MOST_BYTES);
  expect(values.total, values.most).toBeLessThan(MOST_VALUES_BYTES);
  expect([...sizes.keys()].filter((n) => n.includes('italic'))).toEqual([]);
});

test('what / will ask for is named in its head, and a chapter is not made to fetch it', async ({ request }) => {
  const [first, chapter] = await Promise.all(
    ['/', '/chapters/08-attention-qkv'].map(async (path) => (await request.get(path)).text()),
  );
  const named = (html: string) =>
    [...html.matchAll(/rel="(?:modulepreload|preload)"[^>]* href="([^"]+)"/g)].map((m) => m[1]);
  test.skip(!first.includes('/assets/'), 'a server for development builds nothing');
  expect(named(first).filter((f) => /Trace-.*\.js$/.test(f))).toHaveLength(1);
  expect(named(first).filter((f) => f.endsWith('.woff2'))).toHaveLength(2);
  expect(named(chapter).filter((f) => f.includes('Trace'))).toEqual([]);
  expect(named(chapter).filter((f) => f.endsWith('.woff2'))).toHaveLength(2);
});

for (const [path, first] of [
  ['/chapters/08-attention-qkv', '[data-testid=figure-reading] .panel'],
  ['/compare', 'h1'],
  ['/corpus', 'h1'],
  ['/lab', 'h1'],
])
  test(`${path} names in its head every script and style that its first screen takes`, async ({ page, request }) => {
    const head = await (await request.get(path)).text();
    test.skip(!head.includes('/assets/'), 'a server for development builds nothing');
    const asked: string[] = [];
    page.on('request', (r) => asked.push(new URL(r.url()).pathname));
    await page.goto(path);
    await expect(page.locator(first)).toBeVisible();
    const code = asked.filter((f) => /^\/assets\/.*\.(js|css)$/.test(f));
    expect(code.length).toBeGreaterThan(5);
    expect(code.filter((f) => !head.includes(f))).toEqual([]);
    expect((await request.get('/chapters/99-none')).status()).toBe(200);
  });

test('an address that names a model the server has not says so in the bar, and nothing overflows', async ({
  page,
  quiet,
}) => {
  quiet.allow(/404/);
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto('/?model=a-model-that-is-nowhere');
  await expect(page.getByTestId('status')).toContainText('There is no model a-model-that-is-nowhere here');
  await page.waitForLoadState('networkidle');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
});

test('back goes through runs, each with its own prompt', async ({ page, request }) => {
  const model = await defaultModel(request);
  const other = model.has_tokenizer ? 'The old fox' : '5 4 3';
  const box = page.getByRole('textbox', { name: 'Prompt' });
  const first = await runPrompt(page, request, 'new=2');
  await expect(figure(page, 'tokens').getByText(`run ${first.id}`)).toBeVisible();
  await box.fill(other);
  await page.keyboard.press('Control+Enter');
  await expect(page).not.toHaveURL(new RegExp(first.id), { timeout: 60_000 });
  await expect(figure(page, 'tokens').getByText(`run ${first.id}`)).toHaveCount(0);

  await page.goBack();
  await expect(figure(page, 'tokens').getByText(`run ${first.id}`)).toBeVisible();
  await expect(box).toHaveValue(somePrompt(model));
  // Before them stood the run that nobody pressed Run for.
  await page.goBack();
  await expect(page).not.toHaveURL(/run=/);
  await expect(figure(page, 'tokens').getByText(/^run /)).toBeVisible({ timeout: 60_000 });
  await expect(figure(page, 'tokens').getByText(`run ${first.id}`)).toHaveCount(0);
  await expect(box).not.toHaveValue(somePrompt(model));
  await page.goForward();
  await expect(figure(page, 'tokens').getByText(`run ${first.id}`)).toBeVisible();
});

test('a token that was chosen does not stick to another prompt, and a default is never written', async ({
  page,
  request,
}) => {
  const model = await defaultModel(request);
  await runPrompt(page, request, 'new=2');
  expect(page.url()).not.toMatch(/[?&](token|layer|head)=/);
  await figure(page, 'tokens').getByRole('option').nth(1).click();
  await expect(page).toHaveURL(/token=1/);
  await page.getByRole('textbox', { name: 'Prompt' }).fill(model.has_tokenizer ? 'The old fox went home' : '9 8 7 6 5');
  await page.keyboard.press('Enter');
  await expect(page).not.toHaveURL(/token=/, { timeout: 60_000 });
});

test('a link to a section leads there, and stays', async ({ page }) => {
  await page.goto('/#lens');
  await expect(page.locator('#lens')).toBeInViewport({ timeout: 30_000 });
  expect(page.url()).toMatch(/#lens$/);
  await page
    .getByRole('navigation', { name: 'Stations of this page' })
    .getByRole('link', { name: /Attention/ })
    .click();
  await expect(page).toHaveURL(/#attention$/);
  await expect(page.locator('#attention')).toBeInViewport();
});

test('the bar is one line, and grows only while it is edited', async ({ page }) => {
  await page.goto('/');
  const bar = page.locator('header').first();
  await expect(page.getByTestId('prompt-count')).toContainText('tokens');
  const box = page.getByRole('textbox', { name: 'Prompt' });
  const height = (await bar.boundingBox())!.height;
  expect(height).toBeLessThanOrEqual(66);
  await box.fill('8 '.repeat(400));
  expect((await box.boundingBox())!.height).toBeGreaterThan(60);
  expect((await bar.boundingBox())!.height).toBe(height);
  await box.blur();
  expect((await box.boundingBox())!.height).toBeLessThan(40);
});

test('a sampling slider that is moved switches to sampling', async ({ page, request }) => {
  await runPrompt(page, request, 'new=2');
  await figure(page, 'distribution').scrollIntoViewIfNeeded();
  await figure(page, 'distribution').getByRole('slider', { name: 'Temperature' }).fill('0.5');
  await expect(page).toHaveURL(/pick=sample.*temperature=0.5/);
  await expect(page.getByRole('button', { name: /Generation settings/ })).toContainText('T 0.5');
});
