import type { ComparedHook, ComparisonManifest, ComparisonSide, FirstBad, SensitiveModule } from '../../api/types';
import type {
  Intervention,
  Kernel,
  Precision,
  PrecisionOverride,
  PrecisionPlan,
  SimulatedWeights,
} from '../../api/types';
import type { Scale } from '../../kit/paint/matrix';
import type { CompareState, Metric } from '../../state/url';
import { plural, short } from '../../kit/text/format';
import type { Origin } from '../../kit/figure/figure';

/** A compared hook point: one row of the hook table, in the order in which data flows. */
export interface Point {
  /** Its name without the layer: attn.hook_z. */
  name: string;
  layered: boolean;
  heads: boolean;
}

const HEADS = /^attn\.hook_(q|k|v|rot_q|rot_k|attn_scores|pattern|z|result)$/;

/** 'blocks.3.attn.hook_z' is point attn.hook_z of layer 3; outside the blocks the layer is null. */
export function splitHook(hook: string): { point: string; layer: number | null } {
  const m = /^blocks\.(\d+)\.(.+)$/.exec(hook);
  return m ? { point: m[2], layer: Number(m[1]) } : { point: hook, layer: null };
}

export function hookName(point: Point, layer: number): string {
  return point.layered ? `blocks.${layer}.${point.name}` : point.name;
}

/** The points of a comparison; those of the blocks in the order of the first layer. */
export function points(hooks: ComparedHook[]): Point[] {
  const found = new Map<string, Point>();
  for (const { hook } of hooks) {
    const { point, layer } = splitHook(hook);
    if (!found.has(point)) found.set(point, { name: point, layered: layer !== null, heads: HEADS.test(point) });
  }
  return [...found.values()];
}

/** What of the wanted point and measure the comparison has. */
export function shown(state: CompareState, all: Point[]): { point: Point; metric: Metric } | null {
  const point = all.find((p) => p.name === state.point) ?? all.find((p) => p.name === 'hook_resid_post') ?? all.at(-1);
  if (!point) return null;
  return { point, metric: state.metric === 'head' && !point.heads ? 'relative_l2' : state.metric };
}

/** Half a unit in the last place of a float32: no floor is lower. */
export const LEAST_FLOOR = 2 ** -24;

/** What is bad is judged by, hook after hook: an error of 0 stands at the lower edge of a scale without a zero. */
export function badProfile(hooks: ComparedHook[], bad: FirstBad) {
  const rows = hooks
    .map((h) => ({ hook: h.hook, error: bad.basis === 'made' ? h.made : (h.relative_l2 ?? Infinity), own: h.floor }))
    .filter((h) => h.error !== undefined)
    .map((h, x) => ({ hook: h.hook, x, y: h.error ?? 0, own: h.own, floor: Math.max(LEAST_FLOOR, h.own ?? 0) }));
  const ticks = rows.flatMap((r, i) => {
    const { layer } = splitHook(r.hook);
    const before = i > 0 ? splitHook(rows[i - 1].hook).layer : null;
    return layer !== null && layer !== before ? [{ at: r.x, text: `layer ${layer}` }] : [];
  });
  const floor = rows
    .filter((r) => r.own !== undefined)
    .map((r) => ({ x: r.x, y: Math.max(LEAST_FLOOR / 4, r.own ?? 0) }));
  const most = rows.reduce((a, r) => Math.max(a, Number.isFinite(r.y) ? r.y : 0, bad.factor * r.floor), 1e-3);
  const domain: [number, number] = [LEAST_FLOOR / 4, most * 2];
  return { rows, ticks, floor, domain };
}

export const METRIC_NAMES: Record<Metric, string> = {
  relative_l2: 'Relative L2',
  cosine: 'Cosine',
  max_abs: 'Largest difference',
  sqnr: 'SQNR',
  head: 'Head by head',
};

export const FORMULAS: Record<Metric, string> = {
  relative_l2: '‖b − a‖ / ‖a‖',
  cosine: 'a · b / (‖a‖ ‖b‖)',
  max_abs: 'max |bᵢ − aᵢ|',
  sqnr: '20 log₁₀(‖a‖ / ‖b − a‖) dB',
  head: '‖b − a‖ / ‖a‖ of one head; for patterns the Jensen-Shannon divergence in nats',
};

/** A measure as a distance: 0 is the same, more is farther. */
function distance(metric: Metric, value: number): number {
  if (metric === 'cosine') return 1 - value;
  return metric === 'sqnr' ? 10 ** (-value / 20) : value;
}

/** The smallest and the largest distance that the ramp has to tell apart. */
export interface Reach {
  least: number;
  most: number;
}

/** Of these values, those that differ at all; at least one power of ten, so that noise does not look like a pattern. */
export function reachOf(metric: Metric, values: ArrayLike<number>): Reach {
  let [least, most] = [Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    const d = distance(metric, values[i]);
    if (!(d > 0) || d === Infinity) continue;
    least = Math.min(least, d);
    most = Math.max(most, d);
  }
  return most > 0 ? { least: Math.min(least, most / 10), most } : { least: 0.1, most: 1 };
}

/** How strong a value is shaded: far apart is dark, whatever the measure; 0 only for no difference at all. */
export function shadeOf(metric: Metric, { least, most }: Reach): Scale {
  const decades = Math.log10(most / least);
  return (value) => {
    const d = distance(metric, value);
    return d > 0 ? Math.max(0.06, Math.min(1, 0.06 + (0.94 * Math.log10(d / least)) / decades)) : 0;
  };
}

/** The ends of the ramp, in words. */
export function rampEnds(metric: Metric, { least, most }: Reach): [string, string] {
  const end = (d: number) => {
    if (metric === 'cosine') return `1 − ${short(d)}`;
    return metric === 'sqnr' ? `${(-20 * Math.log10(d)).toFixed(0)} dB` : short(d);
  };
  return [end(least), end(most)];
}

/** 'int8 on onnx, 1 override, 1 change' and so on: what tells a side from the other. */
export function sideName(side: ComparisonSide, other?: ComparisonSide): string {
  const changes = side.request.interventions?.length ?? 0;
  const overrides = side.request.precision_plan?.overrides?.length ?? 0;
  return [
    other && other.model.slug === side.model.slug ? '' : side.model.slug,
    `${side.engine.precision} on ${side.engine.name}`,
    overrides ? plural(overrides, 'override') : '',
    ...(side.request.precision_plan?.simulate ?? []).map((s) => `${s.scheme} simulated`),
    changes ? plural(changes, 'change') : '',
  ]
    .filter(Boolean)
    .join(', ');
}

export const MIB = 1024 * 1024;

/** What changing a module alone does. */
export function effectName(restore: boolean): string {
  return restore ? 'KL recovered, nats' : 'KL added, nats';
}

export type SensitivityOrder = 'byte' | 'kl' | 'predicted';

/** What modules are ranked by; 0 where it is not to be had. */
export function worth(m: SensitiveModule, order: SensitivityOrder): number {
  return (order === 'kl' ? m.effect.value : order === 'predicted' ? m.predicted : m.effect_per_byte) ?? 0;
}

/** The most sensitive first; what has its effect for nothing is worth most a byte. */
export function ranked(modules: SensitiveModule[], order: SensitivityOrder): SensitiveModule[] {
  const free = (m: SensitiveModule) => order === 'byte' && m.effect_per_byte === undefined;
  const by = (m: SensitiveModule) => (free(m) ? (m.effect.value > 0 ? Infinity : -Infinity) : worth(m, order));
  return [...modules].sort((a, b) => (by(a) === by(b) ? 0 : by(b) - by(a)));
}

/** Arguments for a shell, two per line, each second one quoted. */
export function shell(args: string[]): string {
  const lines: string[] = [];
  for (let i = 0; i < args.length; i += 2) lines.push(`${args[i]} '${args[i + 1]}'`);
  return lines.join(' \\\n');
}

/** Sizes as people write them, 512MiB, 2g, 1048576: powers of 1024, as the command line takes them; null: not a size. */
export function parseSize(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text);
  if (!found) return null;
  const size = Math.floor(Number(found[1]) * 1024 ** ' kmgt'.indexOf(found[2].toLowerCase() || ' '));
  return size > 0 ? size : null;
}

/** Interventions that a person typed, or what is wrong with them. */
export function parseChanges(text: string | null): { changes: Intervention[]; wrong: string | null } {
  if (text === null || text.trim() === '') return { changes: [], wrong: null };
  try {
    const parsed: unknown = JSON.parse(text);
    const list = Array.isArray(parsed) ? parsed : [parsed];
    const bad = list.find((c) => typeof c !== 'object' || c === null || !('hook' in c) || !('op' in c));
    if (bad !== undefined) return { changes: [], wrong: 'each change needs a hook and an op' };
    return { changes: list as Intervention[], wrong: null };
  } catch {
    return { changes: [], wrong: 'this is not JSON' };
  }
}

/** A side's plan apart from its default: the modules that have another precision, and the kernel if it is not the fast one. */
export interface ModulePlan {
  kernel?: Kernel;
  overrides: PrecisionOverride[];
  /** Matrices that are decoded from a scheme of fewer bits, on torch. */
  simulate?: SimulatedWeights[];
}

/** What the address says of it; nonsense is no plan. */
export function parsePlan(text: string | null): ModulePlan {
  try {
    const { kernel, overrides = [], simulate = [] } = (JSON.parse(text ?? '{}') ?? {}) as PrecisionPlan;
    return {
      ...(kernel === 'exact' ? { kernel } : {}),
      overrides: overrides.map((o) => ({
        ...o,
        modules: String(o.modules),
        precision: String(o.precision) as Precision,
      })),
      ...(simulate.length > 0
        ? { simulate: simulate.map((s) => ({ modules: String(s.modules), scheme: String(s.scheme) })) }
        : {}),
    };
  } catch {
    return { overrides: [] };
  }
}

/** As the address says it: null for the same precision and the fast kernel everywhere. */
export function formatPlan({ kernel, overrides = [], simulate = [] }: PrecisionPlan = {}): string | null {
  if (overrides.length === 0 && simulate.length === 0 && kernel !== 'exact') return null;
  return JSON.stringify({
    ...(kernel === 'exact' ? { kernel } : {}),
    overrides,
    ...(simulate.length > 0 ? { simulate } : {}),
  });
}

/** Width of the rows into which one vector is folded: a divisor, about twice as wide as high, 64 at most. */
export function foldWidth(n: number): number {
  if (n <= 16) return n;
  const ideal = Math.min(64, Math.max(16, Math.ceil(2 * Math.sqrt(n))));
  for (let w = ideal; w >= 8; w--) if (n % w === 0) return w;
  for (let w = ideal; w <= 64; w++) if (n % w === 0) return w;
  return Math.min(32, n);
}

/** Values folded into rows of equal width; what is missing at the end is 0. */
export function fold(values: Float32Array, shape: number[]): { rows: number; cols: number; data: Float32Array } {
  const cols = shape.length >= 2 ? shape[shape.length - 1] : foldWidth(values.length);
  const rows = Math.ceil(values.length / cols);
  const data = new Float32Array(rows * cols);
  // Masked scores are minus infinity on both sides: they have no shade.
  values.forEach((v, i) => (data[i] = Number.isFinite(v) ? v : 0));
  return { rows, cols, data };
}

/** Where a comparison's figure comes from, and the calls that give its numbers. */
export function origin(m: ComparisonManifest, what: string, path: string, python: string, base: string): Origin {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return {
    parts: [`${m.a.model.slug} ${sideName(m.a, m.a)}`, `against ${sideName(m.b, m.a)}`, `comparison ${m.id}`, what],
    recipe: {
      curl: `curl -s ${quoted(`${base}/api/v1${path}`)} -H 'accept: application/json'`,
      python: `from llm_inspector import Inspector\n\ncomparison = Inspector(${JSON.stringify(base)}).comparison(${JSON.stringify(m.id)})\n${python}`,
    },
  };
}

/** What asks the Lab which values mend B's answer; null where B is not the same model in few bits, or there is no prompt. */
export function mendOf({ a, b }: ComparisonManifest): { model: string; own: Record<string, string> } | null {
  const { prompt, tokens, precision_plan } = b.request;
  const quantized = ['int8', 'int4_32'].find((p) => p === b.request.precision);
  const clean = prompt ?? tokens?.join(' ');
  if (!quantized || !clean || precision_plan || a.model.slug !== b.model.slug) return null;
  return { model: a.model.slug, own: { lab: 'restore', quantized, clean } };
}
