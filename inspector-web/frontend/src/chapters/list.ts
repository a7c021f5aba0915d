import { lesson } from '../api/lesson';
import type { Chapter, Line, Record } from './chapter';

/** The chapters in their order. One that is not built yet is listed without a link. */
const PATH: Line[] = [
  { folder: '01-tokenization', title: 'Tokenization', group: 'Text' },
  { folder: '02-embeddings', title: 'Embeddings', group: 'Text' },
  { folder: '03-neuron', title: 'Neuron activation', group: 'Forward' },
  { folder: '04-feed-forward', title: 'Feed-forward', group: 'Forward' },
  { folder: '05-logits-sampling', title: 'Logits and sampling', group: 'Forward' },
  { folder: '06-backpropagation', title: 'Backpropagation', group: 'Learning' },
  { folder: '07-optimizers', title: 'Optimizers', group: 'Learning' },
  { folder: '08-attention-qkv', title: 'Attention Q, K, V', group: 'Attention' },
  { folder: '09-multi-head', title: 'Multi-head', group: 'Attention' },
  { folder: '10-rope', title: 'RoPE', group: 'Attention' },
  { folder: '11-transformer-block', title: 'Transformer block', group: 'Attention' },
  { folder: '12-training-phases', title: 'Training phases', group: 'Making a model' },
  { folder: '13-post-training', title: 'Post-training', group: 'Making a model' },
  { folder: '14-kv-cache', title: 'Context and KV cache', group: 'Serving' },
  { folder: '15-quantization', title: 'Quantization', group: 'Serving' },
];

const records = import.meta.glob<Record>('./*/index.ts', { eager: true, import: 'record' });

/** Of a lesson's chapters those that are in it have a record. */
const here = (folder: string) => !lesson || lesson.chapters.includes(folder);

export const CHAPTERS: Chapter[] = PATH.map((line) => ({
  ...line,
  number: Number.parseInt(line.folder, 10),
  record: (here(line.folder) ? records[`./${line.folder}/index.ts`] : null) ?? null,
}));

/** Chapters by group, in the order of the path. */
export const GROUPS: { name: string; chapters: Chapter[] }[] = [...new Set(PATH.map((c) => c.group))].map((name) => ({
  name,
  chapters: CHAPTERS.filter((c) => c.group === name),
}));

/** The chapter of a view, built or not; null for any other view. */
export function chapterOf(view: string): Chapter | null {
  return CHAPTERS.find((c) => view === `chapters/${c.folder}`) ?? null;
}

/** The nearest built chapter before or after. */
export function neighbour(chapter: Chapter, step: -1 | 1): Chapter | null {
  const at = CHAPTERS.indexOf(chapter);
  const rest = step > 0 ? CHAPTERS.slice(at + 1) : CHAPTERS.slice(0, at).reverse();
  return rest.find((c) => c.record !== null) ?? null;
}
