import { describe, expect, it } from 'vitest';
import type { Descent, LearnerStepAnswer, RunManifest } from '../src/api/types';
import { sent } from '../src/api/source';
import { moved, spread } from '../src/chapters/07-optimizers/moves';
import {
  asks,
  chosen,
  endsOf,
  finer,
  KINDS,
  lowest,
  MADE,
  onLoss,
  onMade,
  SLICE,
  STATE_BYTES,
} from '../src/chapters/07-optimizers/walks';

const run = { prompt_length: 2, tokens: [{ id: 7 }, { id: 9 }, { id: 3 }], model: { slug: 'm' } } as RunManifest;
const path = (kind: string, ...values: number[]) => ({
  kind,
  learning_rate: 1,
  points: values.map((value) => ({ x: 0, y: 0, value, grad_x: 0, grad_y: 0 })),
});

describe('four optimizers', () => {
  it('walk from one place with one rate, AdamW alone with decay', () => {
    const { body } = onMade('ravine', chosen(MADE.ravine, 1, null, 10));
    expect(body.start).toEqual([1, MADE.ravine.y]);
    expect(new Set(body.optimizers.map((o) => o.learning_rate))).toEqual(new Set([10 * MADE.ravine.rate]));
    expect(body.optimizers.filter((o) => (o.weight_decay ?? 0) > 0).map((o) => o.kind)).toEqual(['adamw']);
  });

  it('walk on the loss of the prompt alone, in two random directions; the server is told the model once', () => {
    const ask = onLoss(run, SLICE);
    expect(ask.body.surface.loss).toEqual({ model: 'm', tokens: [7, 9], along: 'random', seed: 1 });
    expect(sent(ask, 'm')).not.toHaveProperty('model');
  });

  it('are ranked by where they stand in the end; who left is out of it', () => {
    const d = { paths: [path('sgd', 1, 5), path('momentum', 9, 0.5), path('adam', 0, NaN)] } as unknown as Descent;
    expect(lowest(d)).toBe('momentum');
    expect(lowest({ paths: [path('adam', NaN)] } as unknown as Descent)).toBeNull();
  });

  it('are told by where they began and ended, and where the model as it is stands', () => {
    const d = { paths: [path('sgd', 8, 5, 4), path('adam', 8, 9)] } as unknown as Descent;
    const heights = [
      [9, 9, 9],
      [9, 2, 9],
      [9, 9, 9],
    ];
    const ends = [
      ['sgd', 4],
      ['adam', 9],
    ];
    expect(endsOf(d, heights)).toEqual({ start: 8, middle: 2, steps: 2, ends });
    expect(endsOf({ paths: [] } as unknown as Descent, heights)).toBeNull();
  });

  it('have one slice, whose finer picture has no walks and no start', () => {
    const fine = finer(run).body;
    expect(fine.surface).toEqual(onLoss(run, SLICE).body.surface);
    expect([fine.optimizers, fine.start, fine.grid?.low]).toEqual([[], undefined, SLICE.low]);
    expect(fine.grid!.n % 2, 'the model as it is stands in the middle').toBe(1);
  });

  it('move each tensor by so much a weight, from one gradient', () => {
    const tensor = (name: string, n: number, grad_norm: number, update_norm: number) => ({
      name,
      shape: n === 3 ? [3] : [n / 2, 2],
      grad_norm,
      update_norm,
      weight_norm: 10,
    });
    const of = (a: number, b: number) => ({
      parameters: [tensor('a', 4, 8, a), tensor('norm', 3, 9, 9), tensor('b', 16, 8, b), tensor('unread', 4, 0, 0)],
    });
    const answers = { sgd: of(0.8, 0.4), momentum: of(0.8, 0.4), adam: of(2, 4), adamw: of(2, 4) };
    const rows = moved(answers as unknown as Record<(typeof KINDS)[number], LearnerStepAnswer>);
    expect(
      rows.map((r) => r.name),
      'matrices by the gradient of one weight',
    ).toEqual(['a', 'b']);
    expect(rows[1].moved).toEqual({ sgd: 0.1, momentum: 0.1, adam: 1, adamw: 1 });
    expect(rows[0].shares.adam).toBe(0.2);
    expect([spread(rows, 'sgd'), spread(rows, 'adam')]).toEqual([4, 1]);
  });

  it('remember nothing, one number or two per weight', () => {
    expect(STATE_BYTES).toEqual({ sgd: 0, momentum: 4, adam: 8, adamw: 8 });
  });

  it('are recorded on what the first words show', async () => {
    const recorded = (await asks(run)).map((a) => JSON.stringify(a.body));
    expect(recorded).toContain(JSON.stringify(onMade('ravine', chosen(MADE.ravine, null, null, 1)).body));
    expect(recorded).toContain(JSON.stringify(onLoss(run, chosen(SLICE, null, null, 1)).body));
  });
});
