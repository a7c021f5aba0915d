import type { Curve, TrainingJob } from '../src/api/types';
import { axe } from './axe';
import { expect, figure, test } from './support';

test('a model is trained, stopped, gone on with, and opened', async ({ page, request, quiet }) => {
  quiet.allow(/curve/); // the chosen model may not say how it was trained
  const name = `sums-${Date.now()}`;
  const job = async () => (await (await request.get(`/api/v1/training-jobs/${name}`)).json()) as TrainingJob;
  await page.goto('/training');
  await page.getByLabel('Recipe').selectOption({ label: 'grokking' });
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  const row = page.getByTestId('jobs').getByRole('listitem').filter({ hasText: name });
  await expect(row).toContainText('running');
  await expect(row).toContainText(/on (cpu|cuda)/);
  await expect(figure(page, 'job').getByRole('application')).toBeVisible();
  await expect.poll(async () => (await job()).step).toBeGreaterThan(1);

  await row.getByRole('button', { name: 'Stop' }).click();
  await expect(row).toContainText('stopped');
  const stopped = (await job()).step;
  await row.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(async () => (await job()).step).toBeGreaterThan(stopped);
  await row.getByRole('button', { name: 'Stop' }).click();
  await expect(row).toContainText('stopped');

  const curve = (await (await request.get(`/api/v1/models/${name}/curve`)).json()) as Curve;
  expect(curve.step).toEqual(curve.step.map((_, i) => i));
  await page.goto(`/training?model=${name}`);
  await expect(figure(page, 'curve').getByRole('application')).toBeVisible();
  await figure(page, 'curve').getByText('Accuracy', { exact: true }).click();
  await figure(page, 'curve').getByRole('button', { name: 'As a table' }).click();
  await expect(
    figure(page, 'curve')
      .getByRole('cell', { name: String(curve.tokens[0]), exact: true })
      .first(),
  ).toBeVisible();
  expect(await axe(page)).toEqual([]);

  await page
    .getByTestId('checkpoints')
    .getByRole('link', { name: `${name}@0` })
    .click();
  await expect(page).toHaveURL(new RegExp(`model=${name}%400`));

  await page.goto('/training');
  await page
    .getByTestId('jobs')
    .getByRole('button', { name: `Delete ${name}` })
    .click();
  await expect(page.getByTestId('jobs').getByText(name)).toHaveCount(0);
  expect((await request.get(`/api/v1/training-jobs/${name}`)).status()).toBe(404);
});
