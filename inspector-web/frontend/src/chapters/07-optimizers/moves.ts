/** How far one update moved a model's weights, tensor by tensor. Pure. */
import type { LearnerStepAnswer } from '../../api/types';
import { KINDS, type Kind } from './walks';

/** Tensors that are shown. */
export const SHOWN = 9;

export interface Moved {
  name: string;
  /** Root mean square of the moves of its weights. */
  moved: Record<Kind, number>;
  /** Length of the move beside the tensor's own length. */
  shares: Record<Kind, number>;
}

type Answers = Record<Kind, Pick<LearnerStepAnswer, 'parameters'>>;

const by = <V>(of: (kind: Kind) => V) => Object.fromEntries(KINDS.map((k) => [k, of(k)])) as Record<Kind, V>;

/** Matrices from the one with the largest gradient a weight to the one with the smallest, evenly chosen among all. */
export function moved(answers: Answers): Moved[] {
  const all = answers.sgd.parameters
    .filter((p) => p.shape.length > 1 && p.grad_norm > 0)
    .map((p) => ({ ...p, weights: p.shape.reduce((a, b) => a * b, 1) }))
    .sort((a, b) => b.grad_norm / Math.sqrt(b.weights) - a.grad_norm / Math.sqrt(a.weights));
  const count = Math.min(SHOWN, all.length);
  return Array.from({ length: count }, (_, i) => {
    const p = all[count < 2 ? 0 : Math.round((i * (all.length - 1)) / (count - 1))];
    const of = (k: Kind) => answers[k].parameters.find((q) => q.name === p.name)?.update_norm ?? NaN;
    return { name: p.name, moved: by((k) => of(k) / Math.sqrt(p.weights)), shares: by((k) => of(k) / p.weight_norm) };
  });
}

/** How many times the longest step is the shortest, among these tensors. */
export function spread(rows: Moved[], kind: Kind): number {
  const steps = rows.map((r) => r.moved[kind]);
  return Math.max(...steps) / Math.min(...steps);
}
