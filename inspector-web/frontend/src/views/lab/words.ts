/** Sentences made of an analysis' numbers, and where its numbers are from. Pure. */
import type { AnalysisProgress, MeasuredMetric, Token } from '../../api/types';
import type { Analysis } from './paired';
import { callRecipe } from '../../kit/figure/recipes';
import type { Origin } from '../../kit/figure/figure';
import { count, duration, plural, short } from '../../kit/text/format';
import { called } from '../../kit/text/tokens';

const list = (tokens: Token[]): string => tokens.map(called).join(', ');

/** A share that may lie below 0 and above 1. */
export function share(x: number): string {
  const text = (100 * x).toFixed(Math.abs(x) < 0.1 ? 1 : 0);
  return `${Number(text) === 0 ? '0' : text.replace('-', '−')}\u202f%`;
}

/** What the number is: 'logit of “·Mia” less that of “·Ben”'. */
export function metricName(m: Pick<MeasuredMetric, 'name' | 'answers' | 'against'>): string {
  const of = list(m.answers);
  switch (m.name) {
    case 'logit_diff':
      return `logit of ${of} less that of ${list(m.against)}`;
    case 'logit':
      return `logit of ${of}`;
    case 'prob':
      return `probability of ${of}`;
    case 'nll':
      return `negative log-likelihood of ${of}, nats`;
    case 'rank':
      return `rank of ${of}`;
    case 'kl':
      return 'KL divergence from the clean run’s next token, nats';
  }
}

/** The metric with its two ends. */
export function metricWords(m: MeasuredMetric): string {
  return `${metricName(m)}: ${short(m.clean)} clean, ${short(m.corrupt)} corrupt`;
}

export const capital = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);

/** How far two prompts of tokens are alike; null while they can be compared. */
export function unequal(clean: Token[], corrupt: Token[]): string | null {
  const [a, b] = [clean.length, corrupt.length];
  if (a === b) return null;
  return `The clean prompt has ${plural(a, 'token')}, the corrupt one ${b}. Both need the same number: values are given from a position to the same position.`;
}

/** Positions at which two prompts have different tokens; what only one has counts too. */
export function differing(clean: Token[], corrupt: Token[]): boolean[] {
  return Array.from({ length: Math.max(clean.length, corrupt.length) }, (_, i) => clean[i]?.id !== corrupt[i]?.id);
}

const PHASES: Record<string, string> = {
  opening: 'Opening the model',
  runs: 'Running both prompts',
  rows: 'Changing one value at a time',
  gradients: 'Taking gradients',
  circuits: 'Running circuits',
  measuring: 'Measuring the best estimates',
};

/** What is being done, and how much of it is. */
export function progressWords(p: AnalysisProgress | null): string {
  if (!p) return 'Asking the server';
  const what = PHASES[p.phase] ?? capital(p.phase);
  return p.total > 1 ? `${what}: ${count(p.done)} of ${count(p.total)}` : what;
}

/** How many of the checks hold, in words. */
export function checksWords(checks: Analysis['invariants']): string {
  const held = checks.filter((c) => c.holds).length;
  if (checks.length === 0) return 'Nothing was checked on this answer.';
  if (held === checks.length) {
    return `Checked on this answer: ${checks.length === 1 ? 'the one check holds' : checks.length === 2 ? 'both checks hold' : `all ${checks.length} checks hold`}.`;
  }
  return `${plural(checks.length - held, 'check')} of ${checks.length} ${held === checks.length - 1 ? 'fails' : 'fail'} on this answer: do not rely on it.`;
}

/** Where a figure's numbers are from. */
export function originOf(a: Analysis, base: string): Origin {
  const run = ({ engine }: Analysis['clean']) => `${engine.name} ${engine.precision} (${engine.form})`;
  const [clean, corrupt] = [run(a.clean), run(a.corrupt)];
  return {
    parts: [
      a.clean.model,
      clean === corrupt ? clean : `${clean} against ${corrupt}`,
      `analysis ${a.id}`,
      a.request.kind,
      duration(1000 * a.seconds),
    ],
    recipe: callRecipe('/analyses', a.request, base),
  };
}

/** Statuses at which asking again may help: no answer, too much work, the server's own errors. */
export const passing = (status: number): boolean => status === 0 || status === 429 || status >= 500;
