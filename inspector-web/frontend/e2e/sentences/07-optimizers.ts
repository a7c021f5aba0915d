import type { Descent, Learner, LearnerStepAnswer } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, type Sentence } from '../sentence';

const NAMES = { SGD: 'sgd', Momentum: 'momentum', Adam: 'adam', AdamW: 'adamw' } as const;

const sentences: Sentence[] = [
  {
    says: 'spread',
    holds: async (text, { page, run, request }) => {
      const [rate, count, ofSgd, ofAdam] = numbersIn(text);
      const names = await page.getByTestId('moves').locator('.name title').allTextContents();
      expect(names).toHaveLength(count);
      const { id } = await rest<Learner>(request, '/learners', { model: run.model.slug });
      const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
      for (const [optimizer, found] of [
        ['sgd', ofSgd],
        ['adam', ofAdam],
      ] as const) {
        const step = { tokens, optimizer, learning_rate: rate };
        const { parameters } = await rest<LearnerStepAnswer>(request, `/learners/${id}/steps`, step);
        await rest(request, `/learners/${id}/undo`, {});
        const steps = parameters
          .filter((p) => names.includes(p.name))
          .map((p) => p.update_norm / Math.sqrt(p.shape.reduce((a, b) => a * b, 1)));
        expect(Math.abs(Math.max(...steps) / Math.min(...steps) / found - 1)).toBeLessThan(0.01);
      }
      await request.delete(`/api/v1/learners/${id}`);
    },
  },
  {
    says: 'ends',
    open: async (page) => {
      await page.getByRole('heading', { name: 'A real loss' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
    },
    holds: async (text, { run, request }) => {
      const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
      const { value } = await rest<{ value: number }>(request, '/gradients', { model: run.model.slug, tokens });
      const [start, middle, steps] = numbersIn(text);
      expect(Math.abs(middle / value - 1), 'the model as it is').toBeLessThan(0.01);
      const told = Object.entries(NAMES).map(([name, kind]) => {
        const end = numbersIn(new RegExp(`${name} has ([^,:]+)`).exec(text)![1])[0];
        return { name, kind, end };
      });
      const slice = { loss: { model: run.model.slug, tokens, along: 'random', seed: 1 } };
      const walked = await rest<Descent>(request, '/optimizers', {
        surface: slice,
        start: [START.x, START.y],
        steps,
        optimizers: told.map(({ kind }) => ({
          kind,
          learning_rate: START.rate,
          ...(kind === 'adamw' ? { weight_decay: 0.1 } : {}),
        })),
      });
      for (const { name, kind, end } of told) {
        const points = walked.paths.find((p) => p.kind === kind)!.points;
        expect(Math.abs(points[0].value / start - 1)).toBeLessThan(0.01);
        const last = points[points.length - 1].value;
        expect(Math.abs(end / last - 1), `${name} ends at ${last}`).toBeLessThan(0.01);
      }
      const below = told.filter(({ end }) => end < start).map(({ name }) => name);
      if (below.length === 4) expect(text).toContain('all four are lower');
      else if (below.length === 0) expect(text).toContain('none is lower');
      else expect(text).toContain(`lower than it began: ${below.join(', ')}`);
    },
  },
];
export default sentences;

/** Where the chapter's walks begin on the slice of a model's loss. */
const START = { x: 0.4, y: 0.4, rate: 0.01 };
