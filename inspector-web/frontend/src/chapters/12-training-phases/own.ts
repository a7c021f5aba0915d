/** Training recipes for readers: models small enough to be trained within minutes. Pure. */
import type { Recipe } from '../../api/types';

export type Kind = 'stories' | 'sums';
export type Size = 'tiny' | 'small';

export const KINDS: [Kind, string][] = [
  ['stories', 'Stories'],
  ['sums', 'Sums on a clock'],
];
export const SIZES: [Size, string][] = [
  ['tiny', 'Tiny'],
  ['small', 'Small'],
];
export const UPDATES: Record<Kind, number[]> = {
  stories: [60, 150, 300, 600, 1200],
  sums: [200, 500, 1000, 2000, 4000],
};

interface Settings {
  name: string;
  size: Size;
  steps: number;
  rate: number;
  seed: number;
  /** The model whose tokenizer it takes; null: it learns one of its own first. */
  tokenizer: string | null;
}

/** Doubling moments: what is early changes fast. */
export function moments(steps: number): number[] {
  const all = [0];
  for (let s = 8; s < steps; s *= 2) all.push(s);
  return all;
}

export function recipeOf(kind: Kind, s: Settings): Recipe {
  const common = {
    name: s.name,
    seed: s.seed,
    steps: s.steps,
    learning_rate: s.rate,
    checkpoint_steps: moments(s.steps),
  };
  if (kind === 'sums') {
    const width = s.size === 'tiny' ? 64 : 128;
    return {
      ...common,
      task: 'modular_addition',
      modulus: s.size === 'tiny' ? 23 : 59,
      train_share: 0.4,
      model: { d_model: width, n_layers: 1, n_heads: 4, n_kv_heads: 4, d_mlp: 4 * width, context: 4 },
      optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.98, weight_decay: 1 },
      min_learning_rate: s.rate,
      warmup_steps: 10,
      validate_every: 10,
      save_every: 100,
    };
  }
  const [width, layers] = s.size === 'tiny' ? [64, 2] : [96, 3];
  return {
    ...common,
    task: 'pretrain',
    corpus: 'tales',
    ...(s.tokenizer ? { tokenizer: s.tokenizer } : {}),
    model: {
      d_model: width,
      n_layers: layers,
      n_heads: 4,
      n_kv_heads: 2,
      d_mlp: 8 * Math.round(width / 3),
      context: 128,
    },
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.98, weight_decay: 0.1 },
    batch: 4,
    micro_batch: 4,
    min_learning_rate: s.rate / 10,
    warmup_steps: Math.min(20, Math.ceil(s.steps / 5)),
    validate_every: 10,
    validation_sequences: 8,
    save_every: 50,
  };
}

/** The first of mine-1, mine-2 … that is free. */
export function namedAnew(taken: string[]): string {
  for (let i = 1; ; i++) if (!taken.includes(`mine-${i}`)) return `mine-${i}`;
}
