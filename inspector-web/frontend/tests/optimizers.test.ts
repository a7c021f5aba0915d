import { describe, expect, it } from 'vitest';
import type { Descent, RunManifest } from '../src/api/types';
import { sent } from '../src/api/source';
import { asks, chosen, lowest, MADE, onLoss, onMade, SLICE, STATE_BYTES } from '../src/chapters/07-optimizers/walks';

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

  it('walk on the loss of the prompt alone, along its gradient; the server is told the model once', () => {
    const ask = onLoss(run, SLICE);
    expect(ask.body.surface.loss).toEqual({ model: 'm', tokens: [7, 9], along: 'gradient', seed: 1 });
    expect(sent(ask, 'm')).not.toHaveProperty('model');
  });

  it('are ranked by where they stand in the end; who left is out of it', () => {
    const d = { paths: [path('sgd', 1, 5), path('momentum', 9, 0.5), path('adam', 0, NaN)] } as unknown as Descent;
    expect(lowest(d)).toBe('momentum');
    expect(lowest({ paths: [path('adam', NaN)] } as unknown as Descent)).toBeNull();
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
