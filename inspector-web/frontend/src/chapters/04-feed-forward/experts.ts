/** Where a mixture's router sends the tokens of a run, and what the experts add there. */
import { positionsOf, type Source } from '../../api/source';
import type { DecoderSpec } from '../../api/types';
import { softmax } from '../../kit/data/math/distribution';

export type Experts = NonNullable<DecoderSpec['layers'][number]['mlp']['experts']>;

/** One token in one mixture layer. */
export interface Sent {
  layer: number;
  pos: number;
  experts: Experts;
  /** [pos, expert]: what each expert's answer is multiplied by, 0 where the token is not sent there. */
  gates: Float32Array;
  positions: number;
  /** The token's scores, [expert]. */
  logits: Float32Array;
  /** Its slots: the expert, and the length of what it adds, weighed. */
  slots: { expert: number; weight: number; added: number }[];
  /** The expert that every token goes through: the length of what it adds, and its own gate. */
  shared: { added: number; gate: number | null } | null;
  /** Length of what the whole part adds to the stream. */
  added: number;
}

/** One token's way through all mixture layers. */
export interface Path {
  pos: number;
  layers: number[];
  /** A row per layer of `layers`: weights by expert. */
  gates: Float32Array[];
  /** A row per layer: the router's scores as shares. */
  shares: Float64Array[];
}

/** Scores as shares: of 1 by softmax, or where routing says so each brought between 0 and 1 by itself. */
export function sharesOf(experts: Experts, logits: Float32Array): Float64Array {
  if (!experts.routing?.sigmoid) return softmax(logits);
  return Float64Array.from(Array.from(logits), (l) => 1 / (1 + Math.exp(-l)));
}

/** What has a say in the choice beside the shares, as sentences; empty where nothing has. */
export function choiceOf(experts: Experts): string {
  const r = experts.routing;
  if (!r) return '';
  const best = r.group_best === 1 ? 'its best expert' : `its ${r.group_best} best experts`;
  const groups =
    r.groups > 1
      ? ` The experts stand in ${r.groups} groups; only those of the ${r.active_groups === 1 ? 'best group' : `${r.active_groups} best groups`} can be chosen, a group being as good as ${best}.`
      : '';
  const bias = r.choice_bias
    ? ' Each expert also has a bias, learned so that all are used: it has a say in the choice, and none in the weight.'
    : '';
  return groups + bias;
}

/** What renormalised weights of a token add up to. */
export const weightsOf = (experts: Experts): number => experts.routing?.factor ?? 1;

/** Layers that are mixtures. */
export const mixtures = (spec: DecoderSpec): number[] => spec.layers.flatMap((l, i) => (l.mlp.experts ? [i] : []));

const length = (v: ArrayLike<number>): number => Math.hypot(...Array.from(v));

/** How many tokens go through each expert. */
export function loads(gates: Float32Array, experts: number): number[] {
  const of = new Array<number>(experts).fill(0);
  gates.forEach((g, i) => (of[i % experts] += g > 0 ? 1 : 0));
  return of;
}

/** The layer whose router gives its first expert the largest share, and that expert; null where there is none. */
export function surest(path: Path): { layer: number; expert: number; share: number } | null {
  let best: { layer: number; expert: number; share: number } | null = null;
  path.shares.forEach((row, i) => {
    const share = Math.max(...row);
    if (!best || share > best.share) best = { layer: path.layers[i], expert: row.indexOf(share), share };
  });
  return best;
}

export async function pathOf(
  source: Source,
  layers: number[],
  pos: number,
  experts: Experts,
  signal: AbortSignal,
): Promise<Path> {
  const at = Math.min(pos, positionsOf(source.manifest) - 1);
  const names = (part: string) => layers.map((l) => `blocks.${l}.mlp.${part}`);
  // Small, and of all positions: another token needs no other reading.
  await source.need([...names('hook_router_logits'), ...names('hook_expert_gates')]);
  const read = (hook: string) => source.capture(hook, { pos: at }, signal).then((t) => t.data);
  const [logits, gates] = await Promise.all([
    Promise.all(names('hook_router_logits').map(read)),
    Promise.all(names('hook_expert_gates').map(read)),
  ]);
  return { pos: at, layers, gates, shares: logits.map((l) => sharesOf(experts, l)) };
}

export async function sentOf(
  source: Source,
  layer: number,
  pos: number,
  experts: Experts,
  signal: AbortSignal,
): Promise<Sent> {
  const positions = positionsOf(source.manifest);
  const at = Math.min(pos, positions - 1);
  const name = (part: string) => `blocks.${layer}.mlp.${part}`;
  const stretch = `${at}:${at + 1}`;
  const shares = experts.d_shared != null;
  const added = `blocks.${layer}.hook_mlp_out`;
  const token = [
    name('experts.hook_out'),
    added,
    ...(shares ? [name('shared_expert.hook_out')] : []),
    ...(experts.shared_gate ? [name('shared_expert.hook_gate')] : []),
  ];
  const all = ['hook_router_logits', 'hook_expert_gates', 'hook_expert_indices'].map(name);
  await Promise.all([source.need(all), source.need(token, stretch)]);
  const here = (hook: string) => source.capture(hook, { pos: at }, signal).then((t) => t.data);
  const [gates, logits, indices, answers, whole, shared, gate] = await Promise.all([
    source.capture(name('hook_expert_gates'), {}, signal).then((t) => t.data),
    here(name('hook_router_logits')),
    here(name('hook_expert_indices')),
    here(name('experts.hook_out')),
    here(added),
    shares ? here(name('shared_expert.hook_out')) : null,
    experts.shared_gate ? here(name('shared_expert.hook_gate')) : null,
  ]);
  const d = whole.length;
  const slots = Array.from(indices, (expert, slot) => {
    const weight = gates[at * experts.count + expert];
    return { expert, weight, added: weight * length(answers.subarray(slot * d, (slot + 1) * d)) };
  });
  return {
    layer,
    pos: at,
    experts,
    gates,
    positions,
    logits,
    slots,
    shared: shared && { added: length(shared), gate: gate?.[0] ?? null },
    added: length(whole),
  };
}
