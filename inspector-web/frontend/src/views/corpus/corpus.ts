/** What a sweep says, in words and series: names, titles, recipes. Pure. */
import type { Tensor } from '../../api/tensor';
import type { EvaluationMean, Sweep, SweepEvaluation, SweepLoss, SweepMean, SweepTokens } from '../../api/types';
import type { Origin } from '../../kit/figure/figure';
import { meanLoss } from '../../kit/figure/corpus';
import { count, duration, percent, plural, short, when } from '../../kit/text/format';
import { called } from '../../kit/text/tokens';
import type { By, Role } from './address';

/** Reducers that the form offers, each with what it tells. */
export const REDUCERS: [kind: string, tells: string][] = [
  ['loss', 'How well the model predicts the corpus, with its 95 % interval, by position and by token.'],
  ['top', 'What a neuron, a head or an expert is for: the windows in which it is largest and smallest.'],
  ['moments', 'Mean, spread, least and largest value of every channel: outliers, dead and always-on neurons.'],
  ['histogram', 'How a neuron’s values are distributed, and how often it fires.'],
  ['heads', 'What each attention head reads in general: the token before, the first one, what followed earlier.'],
  ['lens', 'The loss after each layer, as if it were the last one: where the answer is decided.'],
  ['router', 'Which experts of a mixture get which tokens, and how evenly.'],
  ['imatrix', 'What each matrix reads: imatrix.gguf, with which llama-quantize rounds better.'],
];

/** A name and its number stay on one line. */
const nth = (name: string, i: number): string => `${name}\u00a0${i}`;

/** The model of a sweep, and how it ran. */
export function modelOf(s: Sweep): string {
  return s.sweep?.model.slug ?? s.request?.a?.model ?? 'the default model';
}

export function howOf(s: Sweep): string {
  const engine = s.sweep?.engine;
  if (engine) return `${engine.name} ${engine.precision} on ${engine.device}`;
  return [s.request?.a?.engine, s.request?.a?.precision].filter(Boolean).join(' ');
}

export function otherOf(s: Sweep): string | null {
  const b = s.sweep?.engine_b;
  if (b) return `${b.name} ${b.precision} on ${b.device}`;
  const asked = s.request?.b;
  return asked ? [asked.model, asked.engine, asked.precision].filter(Boolean).join(' ') : null;
}

/** A sweep in short: when, how, of how much, and what became of it. */
export function factsOf(s: Sweep): string[] {
  const m = s.sweep;
  const other = otherOf(s);
  const how = howOf(s) + (other ? `, beside ${other}` : '');
  const done = s.state === 'stopped' && s.of > 0 ? ` after ${count(s.parts)} of ${plural(s.of, 'part')}` : '';
  return [
    ...(m ? [when(m.created)] : []),
    ...(how ? [how] : []),
    ...(m ? [[...readOf(s), plural(m.tokens, 'token')].join(', ')] : []),
    s.state + done + (s.trouble ? `: ${s.trouble}` : ''),
  ];
}

/** How much it reads: documents and windows, or tasks and continuations. */
export function readOf({ sweep: m, request }: Sweep): [documents: string, windows: string] {
  const tasks = request?.reduce?.includes('loglikelihood');
  return [
    plural(m?.documents ?? 0, tasks ? 'task' : 'document'),
    plural(m?.windows ?? 0, tasks ? 'continuation' : 'window'),
  ];
}

export const corpusOf = (s: Sweep): string => s.request?.corpus.path ?? 'its corpus';

/** '0.4335 (0.4072 to 0.463)'; without an interval where there is one document. */
export function interval({ value, low, high }: Pick<SweepMean, 'value' | 'low' | 'high'>, number = short): string {
  return low === undefined || high === undefined
    ? number(value)
    : `${number(value)} (${number(low)} to ${number(high)})`;
}

export const lossOf = (l: SweepLoss): string => interval({ value: l.loss, low: l.low, high: l.high });

/** A share of an evaluation's tasks. */
export interface Share {
  /** As lm-evaluation-harness names it. */
  name: string;
  tells: string;
  mean: EvaluationMean;
  tasks: number;
  /** What choosing at random would have. */
  chance?: number;
}

export function shares({ choices: c, continuations: k }: SweepEvaluation): Share[] {
  const rows: Share[] = [];
  if (c) {
    const all = { tasks: c.lines, chance: c.chance };
    rows.push({ name: 'acc', tells: 'right by log-probability', mean: c.acc, ...all });
    rows.push({ name: 'acc_norm', tells: 'by log-probability per character', mean: c.acc_norm, ...all });
    rows.push({ name: 'acc_bytes', tells: 'by log-probability per byte', mean: c.acc_bytes, ...all });
  }
  if (k) rows.push({ name: 'greedy', tells: 'what greedy decoding says', mean: k.greedy, tasks: k.lines });
  return rows;
}

/** What a model's answers come to: of choices how many are right, else how probable continuations are. */
export function evaluationTitle({ choices: c, continuations: k }: SweepEvaluation): string {
  if (c) {
    const error = c.acc.stderr === undefined ? '' : `, standard error ${percent(c.acc.stderr)}`;
    return `Right in ${percent(c.acc.value)} of ${plural(c.lines, 'task')}${error}; chance has ${percent(c.chance)}`;
  }
  if (k) return `Greedy decoding says ${percent(k.greedy.value)} of ${plural(k.lines, 'continuation')}`;
  return 'No task';
}

/** How far a sweep is, in words. */
export function progressOf(s: Sweep): string {
  const p = s.progress;
  const parts = s.of > 0 ? `${count(s.parts)} of ${plural(s.of, 'part')}` : 'the corpus is being read';
  if (!p) return parts;
  const rate = p.tokens_per_second > 0 ? `, ${count(Math.round(p.tokens_per_second))} tokens/s` : '';
  const left = p.seconds_left >= 0 ? `, ${duration(p.seconds_left * 1000)} left` : '';
  const doing = { reading: 'Reading the corpus', opening: 'Opening the model', running: '', merging: 'Merging' }[
    p.phase
  ];
  return (doing ? `${doing}: ` : '') + parts + rate + left;
}

/** Where a figure's numbers come from: the sweep, and the calls that give them. */
export function origin(s: Sweep, what: string, path: string, python: string, base: string): Origin {
  const id = JSON.stringify(s.id);
  const find = `sweep = next(s for s in Inspector(${JSON.stringify(base)}).sweeps() if s.id == ${id})`;
  const file = path.includes('/results/') ? ` -o ${path.replace(/.*results\/(\w+).*/, '$1')}.safetensors` : '';
  return {
    parts: [`${modelOf(s)} ${howOf(s)}`, corpusOf(s), `sweep ${s.id}`, what],
    recipe: {
      curl: `curl -s '${base}/api/v1${path}'${file}`,
      python: `from llm_inspector import Inspector\n\n${find}\n${python}`,
    },
  };
}

/** What context buys: the loss at the first position that has one, and over the last quarter of the window. */
export function contextTitle(loss: Pick<SweepLoss, 'positions' | 'counts'>): string {
  const { positions } = loss;
  const first = positions.findIndex((p) => p !== null);
  const from = Math.max(first + 1, Math.floor((positions.length * 3) / 4));
  const late = meanLoss(loss, from, positions.length);
  const early = positions[first];
  if (early == null) return 'Loss by position in the window';
  if (late === null) return `${nth('Position', first)} costs ${short(early)} nats per token`;
  const last = positions.length - 1;
  const where = from === last ? nth('position', last) : `positions ${from} to ${last}`;
  return `A token costs ${short(early)} nats at ${nth('position', first)}, and ${short(late)} at ${where}`;
}

/** What the first token of a list costs, and how the corpus compares. */
export function tokensTitle({ tokens, count: all, sum }: SweepTokens, by: By, least: number): string {
  const [t] = tokens;
  if (!t) return `No token of this corpus occurs ${plural(least, 'time')}`;
  const name = called(t.token);
  if (by === 'total')
    return `${name} makes ${percent(t.share)} of the whole loss and ${percent(t.count / all)} of the tokens`;
  return `${name}, which comes ${plural(t.count, 'time')}, costs ${short(t.mean)} nats each; a token of the corpus ${short(sum / all)}`;
}

/** How often a token may be asked to occur: 1, 2, 5, 10, ... up to what all tokens are. */
export function stops(all: number): number[] {
  const steps = [1];
  for (let ten = 1; ten <= all; ten *= 10) steps.push(2 * ten, 5 * ten, 10 * ten);
  return steps.filter((n) => n === 1 || n <= all / 10);
}

export interface LensRow {
  layer: number;
  loss: number;
  /** Share of tokens whose most probable next one is the model's own already. */
  same: number;
}

export function lensRows(t: Map<string, Tensor>): LensRow[] {
  const [sum, n, same] = ['loss/sum', 'loss/count', 'same_top'].map((name) => t.get(name)?.data ?? []);
  return Array.from(sum, (s, layer) => ({ layer, loss: s / n[layer], same: same[layer] / n[layer] }));
}

export function lensTitle(rows: LensRow[]): string {
  if (rows.length < 2) return `Through the one layer the loss is ${short(rows[0]?.loss ?? NaN)} nats`;
  const steps = rows.slice(1).map((r, i) => ({ layer: r.layer, less: rows[i].loss - r.loss }));
  const most = steps.reduce((a, b) => (b.less > a.less ? b : a));
  const ends = `After ${nth('layer', 0)} the loss is ${short(rows[0].loss)} nats, after ${nth('layer', rows.length - 1)} ${short(rows.at(-1)!.loss)}`;
  return most.less > 0 ? `${ends}; ${nth('layer', most.layer)} lowers it most` : ends;
}

/** What heads are measured by: the button, what the head does, and the table's heading. */
export const ROLES: Record<Role, { label: string; does: string }> = {
  previous_token: { label: 'Token before', does: 'of its attention goes to the token before' },
  first_token: { label: 'First token', does: 'of its attention goes to the window’s first token' },
  self: { label: 'Itself', does: 'of its attention goes to the token itself' },
  duplicate_token: { label: 'Same token', does: 'of its attention goes to earlier occurrences of the same token' },
  induction: { label: 'What followed', does: 'of its attention goes to what followed earlier occurrences' },
  entropy: { label: 'Entropy', does: 'nats of entropy' },
};
export const ROLE_NAMES = Object.keys(ROLES) as Role[];

/** A head's means over the corpus; null where no query had such a key. */
export interface Head {
  layer: number;
  head: number;
  roles: Record<Role, number | null>;
}

export function headsOf(t: Map<string, Tensor>): Head[] {
  const layers = [...new Set([...t.keys()].map((k) => Number(/^blocks\.(\d+)\//.exec(k)?.[1])))].sort((a, b) => a - b);
  return layers.flatMap((layer) => {
    const at = (role: Role, what: string) => t.get(`blocks.${layer}/${role}/${what}`)?.data;
    const heads = at('first_token', 'count')?.length ?? 0;
    return Array.from({ length: heads }, (_, head) => {
      const mean = (role: Role): number | null => {
        const n = at(role, 'count')?.[head] ?? 0;
        return n > 0 ? (at(role, 'sum')?.[head] ?? NaN) / n : null;
      };
      return { layer, head, roles: Object.fromEntries(ROLE_NAMES.map((r) => [r, mean(r)])) as Head['roles'] };
    });
  });
}

/** The heads by a role, the largest first; those without one at the end. */
export function ranked(heads: Head[], role: Role): Head[] {
  return [...heads].sort((a, b) => (b.roles[role] ?? -1) - (a.roles[role] ?? -1));
}

export const roleValue = (role: Role, v: number | null): string =>
  v === null ? 'none' : role === 'entropy' ? v.toFixed(2) : percent(v);

export function headsTitle(heads: Head[], role: Role): string {
  const [best] = ranked(heads, role);
  const v = best?.roles[role] ?? null;
  if (v === null) return `No query of this corpus has a key of this role`;
  const who = `Layer ${best.layer}, head ${best.head}`;
  if (role === 'entropy') return `${who} reads most widely of ${heads.length} heads: ${v.toFixed(2)} nats of entropy`;
  return `${who} leads ${heads.length} heads: ${percent(v)} ${ROLES[role].does}`;
}

/** One mixture's experts. */
export interface Routed {
  layer: number;
  /** Tokens of each expert. */
  load: ArrayLike<number>;
  /** Mean entropy of the router, nats. */
  entropy: number;
}

export function routedOf(t: Map<string, Tensor>): Routed[] {
  return [...t.keys()]
    .flatMap((k) => /^blocks\.(\d+)\/load$/.exec(k)?.slice(1).map(Number) ?? [])
    .sort((a, b) => a - b)
    .map((layer) => {
      const of = (what: string) => t.get(`blocks.${layer}/${what}`)?.data ?? [];
      return { layer, load: of('load'), entropy: of('entropy/sum')[0] / of('entropy/count')[0] };
    });
}

export const shareOf = (load: ArrayLike<number>, expert: number): number =>
  load[expert] / Array.from(load).reduce((a, b) => a + b, 0);

export function routedTitle(layers: Routed[]): string {
  const all = layers.flatMap(({ layer, load }) =>
    Array.from(load, (_, expert) => ({ layer, expert, share: shareOf(load, expert), even: 1 / load.length })),
  );
  if (all.length === 0) return 'No mixture of experts';
  const most = all.reduce((a, b) => (b.share > a.share ? b : a));
  return `Layer ${most.layer} makes ${percent(most.share)} of its choices for expert ${most.expert}; even shares were ${percent(most.even)}`;
}
