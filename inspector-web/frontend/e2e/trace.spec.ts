import {
  expect,
  figure,
  FIGURES,
  holdEngine,
  holdServer,
  lensOf,
  normsOf,
  runPrompt,
  seeAll,
  showsNumbersOf,
  test,
  values,
} from './support';

test('first paint shows a recorded run, and says so', async ({ page }) => {
  await holdServer(page);
  await page.goto('/');
  await seeAll(page);
  for (const name of FIGURES) await expect(figure(page, name).getByText('recorded', { exact: true })).toBeVisible();
});

test('first paint needs no server', async ({ page, quiet }) => {
  quiet.allow(/Failed to load resource/);
  await page.route('**/api/**', (route) => route.abort());
  await page.goto('/');
  await seeAll(page);
  await expect(page.getByTestId('status')).toContainText('The server does not answer');
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
});

test('a run fills every figure, with its provenance and its data', async ({ page, request }) => {
  const run = await runPrompt(page, request);
  await seeAll(page);
  for (const name of FIGURES) {
    const fig = figure(page, name);
    await expect(fig.getByText(`run ${run.id}`)).toBeVisible();
    await expect(fig.getByText(`${run.model.slug} ·`, { exact: true })).toBeVisible();
    await expect(fig.getByText('recorded', { exact: true })).toHaveCount(0);
    await fig.getByRole('button', { name: 'Get this data' }).click();
    await expect(fig.getByLabel('curl lines')).toContainText('/api/v1/');
    await expect(fig.getByLabel('Python lines')).toContainText('from llm_inspector import Inspector');
  }
  // The line is exact: what it names is there.
  const line = (await figure(page, 'attention').getByLabel('curl lines').textContent()) ?? '';
  const url = /'(http[^']+)'/.exec(line)?.[1] as string;
  expect(url).toMatch(/\?head=\d+$/);
  expect((await request.get(url)).ok()).toBe(true);
});

test('the numbers on the page are the numbers of the API', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=8');
  // A choice does not outlive its text: it is made of this run.
  const chosen = new URL(page.url());
  for (const [name, value] of Object.entries({ layer: 1, head: 2, token: 3 }))
    chosen.searchParams.set(name, `${value}`);
  await page.goto(chosen.href);
  await seeAll(page);

  await showsNumbersOf(page, request, run);
});

test('the walk follows one token with the server’s numbers, and its doors open', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=4');
  const at = run.prompt_length - 2;
  const walk = figure(page, 'walk');
  await walk.getByRole('option').nth(at).click();
  await expect(page).toHaveURL(new RegExp(`token=${at}`));
  const rows = page.getByTestId('walk').locator('tbody tr');
  await expect(rows).toHaveCount(run.model.n_layers);
  await expect(rows.last().locator('[data-says]')).toBeVisible({ timeout: 60_000 });
  await expect(rows.last().locator('[data-weight]')).toBeVisible();
  const [lens, norms] = [await lensOf(request, run.id), await normsOf(request, run.id)];
  for (let layer = 0; layer < run.model.n_layers; layer++) {
    const row = rows.nth(layer);
    const cell = lens.rows.find((r) => r.hook === `blocks.${layer}.hook_resid_post`)!.cells[at];
    expect(Number(await row.locator('[data-says]').getAttribute('data-says'))).toBe(cell.top[0].id);
    const added = await row.locator('[data-added]').evaluateAll((e) => e.map((x) => (x as HTMLElement).dataset.added));
    expect(added.map(Number)).toEqual(
      ['attn', 'mlp'].map((p) => norms.rows.find((r) => r.hook === `blocks.${layer}.hook_${p}_out`)!.norms[at]),
    );
    const key = Number(await row.locator('[data-key]').getAttribute('data-key'));
    const weights = await values(request, run.id, `blocks.${layer}.attn.hook_pattern`, `query=${at}`);
    const others = weights.filter(
      (_, i) => i % (weights.length / run.model.n_heads) > 0 && i % (weights.length / run.model.n_heads) < at,
    );
    const weight = Number(await row.locator('[data-weight]').getAttribute('data-weight'));
    expect(weight).toBeCloseTo(Math.max(...others), 6);
    expect(key).toBeGreaterThan(0);
    expect(key).toBeLessThan(at);
  }
  await rows.nth(1).getByRole('button').click();
  await expect(page).toHaveURL(/layer=1/);
  await walk.getByRole('link', { name: /how/ }).first().click();
  await expect(page).toHaveURL(/chapters\/08-attention-qkv.*layer=1/);
  await expect(page.getByTestId('chapter')).toBeVisible();
});

test('the continuation streams in while the cache grows', async ({ page, request }) => {
  await page.addInitScript(() => {
    const seen: number[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => {
      const live = document.querySelector('[data-testid=figure-continuation] .waiting');
      const bytes = Number(document.querySelector<HTMLElement>('[data-testid=kv-measured]')?.dataset.bytes);
      if (live && bytes > 0 && seen.at(-1) !== bytes) seen.push(bytes);
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  const run = await runPrompt(page, request, 'new=120');
  const seen = await page.evaluate(() => (window as unknown as { seen: number[] }).seen);
  expect(seen.length).toBeGreaterThan(2);
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  expect(seen.at(-1)).toBeLessThanOrEqual(run.kv_cache.bytes);

  const steps = run.generation?.steps ?? [];
  const strip = figure(page, 'continuation').getByRole('option');
  await expect(strip).toHaveCount(steps.length);
  const alternatives = page.getByTestId('alternatives');
  // The figures above still grow as their values come: a click between two places hits neither.
  await expect(async () => {
    await strip.nth(2).click();
    await expect(alternatives).toContainText(`Position ${steps[2].position}`, { timeout: 2000 });
  }).toPass();
  const probs = await alternatives
    .locator('[data-prob]')
    .evaluateAll((e) => e.map((x) => [Number((x as HTMLElement).dataset.id), Number((x as HTMLElement).dataset.prob)]));
  expect(probs).toEqual(steps[2].alternatives.map((a) => [a.id, a.prob]));

  const slider = figure(page, 'continuation').getByRole('slider', { name: /Cache after/ });
  await slider.fill('0');
  const perPosition = run.kv_cache.bytes / run.kv_cache.positions;
  await expect(page.getByTestId('kv-measured')).toHaveAttribute('data-bytes', String(perPosition * run.prompt_length));
});

test('a run can be stopped, and what was made is kept', async ({ page, request }) => {
  // This model has answered before a click from outside arrives: Stop is pressed where the first token is seen.
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (!/Writing token [2-9]/.test(document.querySelector('[data-testid=status]')?.textContent ?? '')) return;
      [...document.querySelectorAll('button')].find((b) => b.textContent?.trim() === 'Stop')?.click();
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto('/?new=180');
  await expect(page.getByTestId('prompt-count')).toContainText('tokens');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('status')).toContainText('Last run:', { timeout: 60_000 });
  const id = new URL(page.url()).searchParams.get('run');
  const run = await (await request.get(`/api/v1/runs/${id}`)).json();
  expect(run.generation.finish_reason).toBe('cancelled');
  expect(run.generation.steps.length).toBeGreaterThan(0);
  await expect(figure(page, 'continuation').getByRole('option')).toHaveCount(run.generation.steps.length);
});

test('a run can be stopped before it has its id', async ({ page, baseURL }) => {
  let pressed = () => {};
  const stop = new Promise<void>((resolve) => (pressed = resolve));
  await page.goto('/?new=180');
  await expect(page.getByTestId('prompt-count')).toContainText('tokens');
  await expect(page.getByTestId('status')).toContainText('Live run:', { timeout: 60_000 });
  await page.route('**/api/v1/runs', async (route) => {
    await stop;
    await route.continue();
  });
  const letGo = await holdEngine(baseURL ?? '');
  const cancelled = page.waitForResponse(/\/runs\/[^/]+\/cancel$/);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByTestId('status')).toContainText('Stopping');
  pressed();
  expect((await cancelled).status()).toBe(202);
  await letGo();
  await expect(page.getByTestId('status')).toContainText('nothing was run');
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeEnabled();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('the sampling sliders answer at once, without a request', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=4');
  await seeAll(page);
  await page.waitForLoadState('networkidle');
  const fig = figure(page, 'distribution');
  let requests = 0;
  page.on('request', (r) => r.url().includes('/runs') && requests++);
  await fig.getByText('Sample', { exact: true }).click();
  await expect(page.getByTestId('mass')).toContainText(
    `${new Intl.NumberFormat('en-US').format(run.model.vocab)} tokens stay`,
  );
  const topK = fig.getByRole('slider', { name: /Top-k/ });
  await topK.fill('8');
  await expect(page.getByTestId('mass')).toContainText('4 tokens stay');
  await expect(page).toHaveURL(/top_k=4/);
  const sampled = await page
    .getByTestId('top-list')
    .locator('[data-id]')
    .evaluateAll((e) => e.map((x) => Number((x as HTMLElement).dataset.right)));
  expect(sampled.slice(0, 4).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
  expect(sampled.slice(4).every((p) => p === 0)).toBe(true);
  expect(requests).toBe(0);
});

test('a sampled run says its seed, and the page’s filters give the server’s probability', async ({ page, request }) => {
  const query = 'new=6&pick=sample&temperature=0.8&top_k=12&top_p=0.9&seed=11';
  const run = await runPrompt(page, request, query);
  await seeAll(page);
  expect(run.generation?.seed).toBe(11);
  await expect(figure(page, 'continuation')).toContainText('Seed 11');
  for (const step of run.generation?.steps ?? []) {
    await figure(page, 'tokens')
      .getByRole('option')
      .nth(step.position - 1)
      .click();
    const row = page.getByTestId('top-list').locator(`[data-id="${step.token.id}"]`);
    await expect(row).toHaveAttribute('data-right', /./);
    await expect
      .poll(async () => Math.abs(Number(await row.getAttribute('data-right')) - step.sampled_prob))
      .toBeLessThan(1e-4);
  }
});
