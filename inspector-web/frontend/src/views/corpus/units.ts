/** Units of a sweep: neurons, heads, experts; their names, and the hooks that a sweep kept something of. Pure. */
import { CHAPTERS } from '../../chapters/list';
import type { SweepExample, SweepResult, Token } from '../../api/types';
import { count, plural, short } from '../../kit/text/format';
import { called } from '../../kit/text/tokens';

/** Reducers that keep something of each unit. */
const OF_UNITS = ['top', 'moments', 'histogram'];
const KEPT_IN = /^(.*)\/(size|count|channel)$/;

/** A hook with its number of units, and the reducers that kept it. */
export interface UnitHook {
  hook: string;
  /** Without its layer. */
  point: string;
  layer: number | null;
  units: number;
  kinds: string[];
}

const LAYERED = /^blocks\.(\d+)\.(.*)$/;
const pointOf = (hook: string): string => LAYERED.exec(hook)?.[2] ?? hook;
export const layerOf = (hook: string): number | null => {
  const found = LAYERED.exec(hook);
  return found ? Number(found[1]) : null;
};

/** The hooks of whose units a sweep kept something, in the order of the model's layers. */
export function unitHooks(results: SweepResult[], order: string[]): UnitHook[] {
  const hooks = new Map<string, UnitHook>();
  for (const { kind, name, shape } of results) {
    const hook = OF_UNITS.includes(kind) ? KEPT_IN.exec(name)?.[1] : undefined;
    if (hook === undefined) continue;
    const known = hooks.get(hook);
    if (known) known.kinds.push(kind);
    else hooks.set(hook, { hook, point: pointOf(hook), layer: layerOf(hook), units: shape[0], kinds: [kind] });
  }
  return [...hooks.values()].sort((a, b) => order.indexOf(a.hook) - order.indexOf(b.hook));
}

/** Hooks whose units have names of their own; those of all others are channels. */
const KINDS: Record<string, string> = {
  'mlp.hook_post': 'Neuron',
  'mlp.shared_expert.hook_post': 'Shared neuron',
  'mlp.hook_expert_gates': 'Expert',
  'attn.hook_result': 'Head',
};

/** What a hook's units are called: 'Neuron'. */
export const unitKind = (hook: string): string => KINDS[pointOf(hook)] ?? 'Channel';

/** A unit in words: 'Neuron 17 of layer 3'. */
export function unitName(hook: string, unit: number): string {
  const layer = layerOf(hook);
  const of = unitKind(hook) === 'Channel' ? hook : layer === null ? hook : `layer ${layer}`;
  return `${unitKind(hook)} ${unit} of ${of}`;
}

/** A chapter that opens a unit, and what it shows of it in a window. */
export interface Opens {
  view: `chapters/${string}`;
  own: Record<string, string>;
  shows: string;
}

export const chapterNumbered = (number: number): Opens['view'] =>
  `chapters/${CHAPTERS.find((c) => c.number === number)?.folder ?? ''}`;

export function chapterOf(hook: string, unit: number): Opens | null {
  const kind = unitKind(hook);
  if (kind === 'Neuron') {
    const own = { part: 'write', neuron: String(unit) };
    return { view: chapterNumbered(3), own, shows: 'What it writes here, in chapter 3' };
  }
  if (kind === 'Head') {
    return { view: chapterNumbered(9), own: { heads: 'one' }, shows: 'What it reads here, in chapter 9' };
  }
  return null;
}

/** The tokens on which examples are largest, the most frequent first. */
export function peaks(examples: SweepExample[]): { token: Token; times: number }[] {
  const found = new Map<number, { token: Token; times: number }>();
  for (const e of examples) {
    const token = e.tokens[e.position];
    const known = found.get(token.id);
    if (known) known.times++;
    else found.set(token.id, { token, times: 1 });
  }
  return [...found.values()].sort((a, b) => b.times - a.times);
}

/** What the examples say, in a title that holds for any unit. */
export function examplesTitle(name: string, examples: SweepExample[]): string {
  if (examples.length === 0) return `${name} has no value in this corpus`;
  const all = `its ${examples.length === 1 ? 'largest value is' : `${examples.length} largest values are`}`;
  const [first, ...others] = peaks(examples);
  if (others.length === 0) return `${name}: ${all} on ${called(first.token)}`;
  if (first.times === 1) return `${name}: ${all} on ${plural(others.length + 1, 'different token')}`;
  return `${name}: ${first.times} of its ${examples.length} largest values are on ${called(first.token)}`;
}

/** A window's text as a prompt: its bytes without the special tokens that the tokenizer puts before it. */
export function promptOf(tokens: Token[], special: number): string {
  const bytes = tokens.slice(special).flatMap((t) => t.bytes);
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** A unit that is above 0 on fewer tokens than this is called rare, on more than that frequent. */
const RARE = 0.01;
const FREQUENT = 0.5;

/** What a layer's units do as a whole: how many fire rarely and often, or which one becomes largest. */
export function unitsTitle(h: UnitHook, firing: number[] | null, largest: number[]): string {
  const of = h.layer === null ? h.hook : `layer ${h.layer}`;
  const kind = unitKind(h.hook).toLowerCase();
  const all = `${plural(h.units, kind)} of ${unitKind(h.hook) === 'Channel' ? h.hook : of}`;
  if (firing) {
    const rare = firing.filter((f) => f < RARE).length;
    const frequent = firing.filter((f) => f > FREQUENT).length;
    return `Of ${all}, ${count(rare)} ${rare === 1 ? 'is' : 'are'} above 0 on less than 1 % of tokens, ${count(frequent)} on more than half`;
  }
  const most = largest.reduce((best, v, u) => (v > largest[best] ? u : best), 0);
  return `Of ${all}, ${kind} ${most} becomes largest: ${short(largest[most])}`;
}
