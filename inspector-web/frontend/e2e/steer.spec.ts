import type { APIRequestContext, Page } from '@playwright/test';
import type { Direction, RunManifest, Shift } from '../src/api/types';
import { axe } from './axe';
import { defaultModel, expect, figure, tableOf, test } from './support';

async function address(request: APIRequestContext, more: Record<string, string> = {}): Promise<string> {
  const { slug } = await defaultModel(request);
  return `/lab?${new URLSearchParams({ model: slug, lab: 'steer', ...more })}`;
}

/** The two runs that the figure names, as the server keeps them. */
async function shown(page: Page, request: APIRequestContext): Promise<{ steered: RunManifest; without: RunManifest }> {
  const fig = figure(page, 'steer');
  await expect(fig.getByTestId('steer-Steered')).not.toBeEmpty({ timeout: 60_000 });
  const ids = [...(await fig.innerText()).matchAll(/run (\d{8}-\d{6}-\d{3}-[0-9a-f]+)/g)].map((m) => m[1]);
  const [steered, without] = await Promise.all(
    ids.map(async (id) => (await request.get(`/api/v1/runs/${id}`)).json() as Promise<RunManifest>),
  );
  return { steered, without };
}

test('the continuations, the direction and the divergence are REST’s', async ({ page, request }) => {
  await page.goto(await address(request));
  const { steered, without } = await shown(page, request);
  expect(without.request.interventions ?? []).toEqual([]);
  const [change] = steered.request.interventions!;
  expect(change.op).toBe('add_along');
  const rows = await tableOf(page, 'steer');
  const made = (m: RunManifest) => m.tokens.slice(m.prompt_length);
  expect(rows.length).toBe(Math.max(made(steered).length, made(without).length));

  const lines = async (name: RegExp) =>
    (await page.getByRole('textbox', { name }).inputValue())
      .split('\n')
      .map((l) => (/^[\d ]+$/.test(l) ? l.split(' ').map(Number) : l));
  const data = {
    model: steered.model.slug,
    positive: await lines(/^Toward/),
    negative: await lines(/^Away from/),
    hook: change.hook,
  };
  const d = (await (await request.post('/api/v1/directions', { data })).json()) as Direction;
  expect(change.values).toEqual(d.values);
  const shift = (await (
    await request.post('/api/v1/shift', {
      data: { run: without.id, after: steered.id, pos: without.prompt_length - 1 },
    })
  ).json()) as Shift;
  const says = figure(page, 'steer').locator('[data-says="steer"]');
  const short = (x: number) => String(Number(x.toPrecision(4)));
  await expect(says).toContainText(`lie ${short(d.norm)} apart where vectors have norm ${short(d.mean_norm)}`);
  if (shift.kl >= 1e-4) await expect(says).toContainText(`KL divergence of the next token ${short(shift.kl)} nats`);
});

test('the slider, the operation and the layer make the run that they name', async ({ page, request }) => {
  await page.goto(await address(request));
  await shown(page, request);
  const slider = page.getByRole('slider', { name: 'Strength' });
  await slider.fill('0');
  await expect(page).toHaveURL(/by=0/);
  await expect(figure(page, 'steer').getByRole('heading').first()).toContainText('the same');
  await expect(figure(page, 'steer').locator('mark')).toHaveCount(0);
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(async () => (await shown(page, request)).steered.request.interventions![0].value).toBe(0.05);
  await page.getByRole('radiogroup', { name: 'What is done' }).getByText('Scale or remove').click();
  await expect
    .poll(async () => {
      const [i] = (await shown(page, request)).steered.request.interventions!;
      return `${i.op} ${i.value}`;
    })
    .toBe('scale_along 0');
  await page.getByRole('slider', { name: 'After layer' }).fill('0');
  await expect
    .poll(async () => (await shown(page, request)).steered.request.interventions![0].hook)
    .toBe('blocks.0.hook_resid_post');
  await page.reload();
  expect((await shown(page, request)).steered.request.interventions![0]).toMatchObject({
    op: 'scale_along',
    hook: 'blocks.0.hook_resid_post',
  });
});

test('a group without a text is refused in a sentence, and groups that are alike by the server', async ({
  page,
  request,
  quiet,
}) => {
  quiet.allow(/400/);
  await page.goto(await address(request));
  await shown(page, request);
  const [toward, away] = [/^Toward/, /^Away from/].map((name) => page.getByRole('textbox', { name }));
  await toward.fill('');
  await expect(page.getByTestId('steer-texts').getByRole('status')).toHaveText(
    'Write a text that the direction leads to.',
  );
  await expect(page.getByRole('button', { name: 'Steer', exact: true })).toBeDisabled();
  await toward.fill(await away.inputValue());
  await page.getByRole('button', { name: 'Steer', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('no difference of means');
});

for (const scheme of ['light', 'dark'] as const) {
  test(`${scheme}: nothing is wider than the screen, and axe finds nothing`, async ({ page, request }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width: 390, height: 780 });
    await page.goto(await address(request));
    await shown(page, request);
    for (const width of [390, 768, 1400]) {
      await page.setViewportSize({ width, height: width < 800 ? 780 : 1000 });
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(over, `at ${width} px`).toBeLessThanOrEqual(0);
      if (width !== 768) expect(await axe(page), `at ${width} px`).toEqual([]);
    }
  });
}
