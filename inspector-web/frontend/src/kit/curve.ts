/** What a training curve's figure draws, tells and gives away. Pure, so that a test can hold it. */
import type { Curve, Checkpoint } from '../../api/types';
import type { TableData } from '../../kit/figure';
import type { Recipe } from '../../kit/recipes';

export type Measure = 'loss' | 'accuracy';

export interface Point {
  step: number;
  tokens: number;
  value: number;
}

/** The points at which a column was measured. */
export function points(curve: Curve, column: 'loss' | 'val_loss' | 'accuracy' | 'val_accuracy'): Point[] {
  return curve[column].flatMap((value, i) =>
    value === null ? [] : [{ step: curve.step[i], tokens: curve.tokens[i], value }],
  );
}

export const hasAccuracy = (curve: Curve): boolean => curve.val_accuracy.some((v) => v !== null);

/** The table has every look at held-out examples, and the kept states; the call has every update. */
export function curveTable(curve: Curve, kept: Checkpoint[]): TableData {
  const marked = new Set(kept.map((k) => k.step));
  const rows = curve.step.flatMap((step, i) =>
    curve.val_loss[i] === null && !marked.has(step)
      ? []
      : [
          [
            step,
            curve.tokens[i],
            curve.lr[i] ?? '',
            curve.loss[i] ?? '',
            curve.val_loss[i] ?? '',
            curve.grad_norm[i] ?? '',
            curve.accuracy[i] ?? '',
            curve.val_accuracy[i] ?? '',
          ],
        ],
  );
  return { columns: ['step', 'tokens', 'lr', 'loss', 'val_loss', 'grad_norm', 'accuracy', 'val_accuracy'], rows };
}

export function curveRecipe(slug: string, job: boolean, origin: string): Recipe {
  const path = `${job ? 'training-jobs' : 'models'}/${encodeURIComponent(slug)}/curve`;
  const client = `from llm_inspector import Inspector\n\ninspector = Inspector(${JSON.stringify(origin)})\n`;
  return {
    curl: `curl '${origin}/api/v1/${path}'`,
    python: `${client}curve = inspector.${job ? 'training_curve' : 'curve'}(${JSON.stringify(slug)})\ncurve["step"], curve["loss"], curve["val_loss"]`,
  };
}
