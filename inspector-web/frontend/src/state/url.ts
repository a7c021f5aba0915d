/** The whole state of the page as a URL and back: reload and share restore it. Pure. */
import type { Precision } from '../api/types';

export const VIEWS = [
  'trace',
  'compare',
  'corpus',
  'lab',
  'training',
  'models',
  'runs',
  'further',
  'about',
  'kit',
] as const;
/** Views of the page; a chapter is one by its folder's name. */
export type View = (typeof VIEWS)[number] | `chapters/${string}`;
export type ThemeChoice = 'auto' | 'light' | 'dark';

/** What a weight's heatmap shows. */
export const WEIGHT_SHOWS = ['values', 'codes', 'decoded', 'error'] as const;
export type WeightShow = (typeof WEIGHT_SHOWS)[number];

export interface GenerationSettings {
  maxNewTokens: number;
  greedy: boolean;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  /** Null: the server draws one and records it. */
  seed: number | null;
}

export const METRICS = ['relative_l2', 'cosine', 'max_abs', 'sqnr', 'head'] as const;
export type Metric = (typeof METRICS)[number];

export const MODULE_SIZES = ['layer', 'module', 'matrix'] as const;
/** How a text is cut, and what A is held against to see the noise; the first is the server's own choice. */
export const WINDOWS = ['every_token', 'llama_cpp'] as const;
export const FLOORS = ['batches', 'engine', 'none'] as const;
export const ORDERS = ['byte', 'kl', 'predicted'] as const;

/** The comparison's settings, and the part of it on show. Side A is the model, engine, precision and prompt of the bar. */
export interface CompareState {
  /** The finished comparison on show. */
  id: string | null;
  /** B's, where they are not A's. */
  model: string | null;
  engine: string | null;
  precision: Precision | null;
  prompt: string | null;
  /** Where each side runs; null: A where the server thinks best, B where A does. */
  deviceA: string | null;
  deviceB: string | null;
  /** Interventions of each side, as JSON. */
  changesA: string | null;
  changesB: string | null;
  /** Precisions of some modules apart on each side: a plan without its default, as JSON. */
  planA: string | null;
  planB: string | null;
  text: string | null;
  /** A corpus by its name or its path on the server. */
  corpus: string | null;
  /** Modules to rank by what their precision costs, or null; lower: from A down, not from B up. */
  rank: (typeof MODULE_SIZES)[number] | null;
  lower: boolean;
  /** For which a mixed plan is suggested, as it was typed: 1.5 MiB. */
  budget: string | null;
  windows: (typeof WINDOWS)[number];
  floor: (typeof FLOORS)[number];
  /** How many times the noise an error must be to be called bad, as it was typed; null: the server's choice. */
  factor: string | null;
  order: (typeof ORDERS)[number];
  /** A hook point without its layer. */
  point: string;
  metric: Metric;
  /** The chosen token of the text. */
  word: number | null;
}

export interface PageState {
  view: View;
  model: string | null;
  engine: string | null;
  precision: Precision | null;
  prompt: string | null;
  /** The prompt is put to a chat model as it is, without its template. */
  plain: boolean;
  generation: GenerationSettings;
  run: string | null;
  /** Chosen by a person; null is the figure's own choice, which an address never holds. */
  token: number | null;
  layer: number | null;
  head: number | null;
  /** The step of Forward.java whose lines stand beside the run's values, by its method. */
  code: string | null;
  /** What is changed in the run on show: interventions as JSON; and the run that was made so. */
  changes: string | null;
  changed: string | null;
  /** A chapter's own state, or that of the Corpus and Lab views, as text by name: its parameters say what each means. */
  own: Record<string, string>;
  /** The reader has touched the chapter's figure: the words no longer move it. */
  kept: boolean;
  /** The part of the view that the address leads to. */
  section: string | null;
  /** A weight of the model, the scheme that it is shown under, and the first row and column that are shown. */
  tensor: string | null;
  scheme: string | null;
  show: WeightShow;
  row: number;
  col: number;
  theme: ThemeChoice;
  compare: CompareState;
}

export const DEFAULTS: PageState = {
  view: 'trace',
  model: null,
  engine: null,
  precision: null,
  prompt: null,
  plain: false,
  generation: { maxNewTokens: 24, greedy: true, temperature: 1, topK: 0, topP: 1, minP: 0, seed: null },
  run: null,
  token: null,
  layer: null,
  head: null,
  code: null,
  changes: null,
  changed: null,
  own: {},
  kept: false,
  section: null,
  tensor: null,
  scheme: null,
  show: 'codes',
  row: 0,
  col: 0,
  theme: 'auto',
  compare: {
    id: null,
    model: null,
    engine: null,
    precision: null,
    prompt: null,
    deviceA: null,
    deviceB: null,
    changesA: null,
    changesB: null,
    planA: null,
    planB: null,
    text: null,
    corpus: null,
    rank: null,
    lower: false,
    budget: null,
    windows: 'every_token',
    floor: 'batches',
    factor: null,
    order: 'byte',
    point: 'hook_resid_post',
    metric: 'relative_l2',
    word: null,
  },
};

/** The names of the query that mean the same in every view; a view with a state of its own names that otherwise. */
export const SHARED = new Set(
  (
    'model engine precision prompt plain new pick temperature top_k top_p min_p seed run token layer head code changes changed kept ' +
    'tensor scheme show row col comparison b_model b_engine b_precision b_prompt a_device b_device a_changes b_changes ' +
    'a_plan b_plan text corpus rank lower budget windows floor factor order point metric word theme'
  ).split(' '),
);

/** Whether a view's address has names of its own. */
const hasOwn = (view: View): boolean => view === 'corpus' || view === 'lab' || view.startsWith('chapters/');

function viewOf(path: string): View {
  const [first, second] = path.split('/').filter(Boolean);
  if (first === 'chapters' && second) return `chapters/${second}`;
  return VIEWS.find((v) => v === first) ?? 'trace';
}

export function parseUrl(url: URL): PageState {
  const q = url.searchParams;
  const view = viewOf(url.pathname);
  const number = (key: string, lo: number, hi: number): number | null => {
    const text = q.get(key);
    const value = Number(text);
    return text !== null && text.trim() !== '' && Number.isFinite(value) && value >= lo && value <= hi ? value : null;
  };
  const whole = (key: string, lo: number, hi = Number.MAX_SAFE_INTEGER): number | null => {
    const value = number(key, lo, hi);
    return value !== null && Number.isInteger(value) ? value : null;
  };
  const d = DEFAULTS.generation;
  const theme = q.get('theme');
  return {
    view,
    model: q.get('model'),
    engine: q.get('engine'),
    precision: q.get('precision') as Precision | null, // one that is none is refused by the server, by name
    prompt: q.get('prompt'),
    plain: q.has('plain'),
    generation: {
      maxNewTokens: whole('new', 0, 100_000) ?? d.maxNewTokens,
      greedy: q.get('pick') !== 'sample',
      temperature: number('temperature', 0.01, 100) ?? d.temperature,
      topK: whole('top_k', 0) ?? d.topK,
      topP: number('top_p', 0, 1) ?? d.topP,
      minP: number('min_p', 0, 1) ?? d.minP,
      seed: whole('seed', 0) ?? d.seed,
    },
    run: q.get('run'),
    token: whole('token', 0),
    layer: whole('layer', 0),
    head: whole('head', 0),
    code: q.get('code'),
    changes: q.get('changes'),
    changed: q.get('changed'),
    own: hasOwn(view) ? Object.fromEntries([...q].filter(([name]) => !SHARED.has(name))) : {},
    kept: q.has('kept'),
    section: url.hash.length > 1 ? decodeURIComponent(url.hash.slice(1)) : null,
    tensor: q.get('tensor'),
    scheme: q.get('scheme'),
    show: WEIGHT_SHOWS.find((s) => s === q.get('show')) ?? DEFAULTS.show,
    row: whole('row', 0) ?? 0,
    col: whole('col', 0) ?? 0,
    theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
    compare: {
      id: q.get('comparison'),
      model: q.get('b_model'),
      engine: q.get('b_engine'),
      precision: q.get('b_precision') as Precision | null,
      prompt: q.get('b_prompt'),
      deviceA: q.get('a_device'),
      deviceB: q.get('b_device'),
      changesA: q.get('a_changes'),
      changesB: q.get('b_changes'),
      planA: q.get('a_plan'),
      planB: q.get('b_plan'),
      text: q.get('text'),
      corpus: q.get('corpus'),
      rank: MODULE_SIZES.find((m) => m === q.get('rank')) ?? null,
      lower: q.has('lower'),
      budget: q.get('budget'),
      windows: WINDOWS.find((w) => w === q.get('windows')) ?? DEFAULTS.compare.windows,
      floor: FLOORS.find((f) => f === q.get('floor')) ?? DEFAULTS.compare.floor,
      factor: q.get('factor'),
      order: ORDERS.find((o) => o === q.get('order')) ?? DEFAULTS.compare.order,
      point: q.get('point') ?? DEFAULTS.compare.point,
      metric: METRICS.find((m) => m === q.get('metric')) ?? DEFAULTS.compare.metric,
      word: whole('word', 0),
    },
  };
}

/** A longer text is not put into the address: a finished comparison holds it. */
const LONGEST_TEXT = 2000;

/** Path, query and section; what is as it is by default is left out. */
export function formatUrl(s: PageState): string {
  const q = new URLSearchParams();
  const put = (key: string, value: string | number | null, unless: string | number | null = null) => {
    if (value !== null && value !== unless) q.set(key, String(value));
  };
  put('model', s.model);
  put('engine', s.engine);
  put('precision', s.precision);
  put('prompt', s.prompt);
  if (s.plain) q.set('plain', '');
  const d = DEFAULTS.generation;
  const g = s.generation;
  put('new', g.maxNewTokens, d.maxNewTokens);
  if (!g.greedy) q.set('pick', 'sample');
  put('temperature', g.temperature, d.temperature);
  put('top_k', g.topK, d.topK);
  put('top_p', g.topP, d.topP);
  put('min_p', g.minP, d.minP);
  put('seed', g.seed);
  put('run', s.run);
  put('token', s.token);
  put('layer', s.layer);
  put('head', s.head);
  put('code', s.code);
  put('changes', s.changes);
  put('changed', s.changed);
  if (hasOwn(s.view)) for (const [name, value] of Object.entries(s.own)) q.set(name, value);
  if (s.kept) q.set('kept', '');
  put('tensor', s.tensor);
  put('scheme', s.scheme);
  put('show', s.show, DEFAULTS.show);
  put('row', s.row, 0);
  put('col', s.col, 0);
  const c = s.compare;
  put('comparison', c.id);
  put('b_model', c.model);
  put('b_engine', c.engine);
  put('b_precision', c.precision);
  put('b_prompt', c.prompt);
  put('a_device', c.deviceA);
  put('b_device', c.deviceB);
  put('a_changes', c.changesA);
  put('b_changes', c.changesB);
  put('a_plan', c.planA);
  put('b_plan', c.planB);
  if (c.text !== null && c.text.length <= LONGEST_TEXT) put('text', c.text);
  put('corpus', c.corpus);
  put('rank', c.rank);
  if (c.lower) q.set('lower', '');
  put('budget', c.budget);
  put('windows', c.windows, DEFAULTS.compare.windows);
  put('floor', c.floor, DEFAULTS.compare.floor);
  put('factor', c.factor);
  put('order', c.order, DEFAULTS.compare.order);
  put('point', c.point, DEFAULTS.compare.point);
  put('metric', c.metric, DEFAULTS.compare.metric);
  put('word', c.word);
  if (s.theme !== 'auto') q.set('theme', s.theme);
  const path = s.view === 'trace' ? '/' : `/${s.view}`;
  const hash = s.section === null ? '' : `#${encodeURIComponent(s.section)}`;
  return (q.size > 0 ? `${path}?${q}` : path) + hash;
}
