/** A training curve's points, table and recipe. Pure. */
import type { Curve, Checkpoint } from '../../api/types';
import type { TableData } from './figure';
import type { Recipe } from './recipes';

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

/** The curve's value after `step` updates: on held-out examples where it was measured then, else on the training batch. */
export function heightAt(curve: Curve, measure: Measure, step: number): number | null {
  const i = curve.step.indexOf(step);
  if (i < 0) return null;
  return curve[measure === 'loss' ? 'val_loss' : 'val_accuracy'][i] ?? curve[measure][i];
}

/** Index of the stop nearest to x, by distance on the axis as it is drawn. */
export function nearestStop(stops: number[], x: number, log: boolean): number {
  const far = (s: number) => (log ? Math.abs(Math.log(s / Math.max(x, 1e-9))) : Math.abs(s - x));
  return stops.reduce((best, s, i) => (far(s) < far(stops[best]) ? i : best), 0);
}

export const hasAccuracy = (curve: Curve): boolean => curve.val_accuracy.some((v) => v !== null);

/** The curve as a table: updates with a held-out loss, and kept states. The call of its recipe has every update. */
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
