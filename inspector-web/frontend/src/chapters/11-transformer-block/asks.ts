/** The requests of chapter 11, shared by the page and its recording. */
import type { Source } from '../../api/source';
import type { Slice } from '../../api/client';
import { capturePath } from '../../api/client';
import type {
  DecoderSpec,
  Intervention,
  Logprobs,
  ModelDetails,
  PassCost,
  RunManifest,
  Timeline,
} from '../../api/types';
import type { Ask } from '../../state/scene';
import type { Layer, Values } from './piece';
import { piecesOf } from './pieces';

/** Tokens after the prompt that are timed. */
const REPEATS = 8;
/** A model that stands beside the embedded one where no server says which others there are. */
const BESIDE = 'grokking';

const read = (m: RunManifest) => ({
  model: m.model.slug,
  engine: m.engine.name,
  ...(m.request.precision_plan ? { precision_plan: m.request.precision_plan } : { precision: m.engine.precision }),
});
const promptOf = (m: RunManifest) => m.tokens.slice(0, m.prompt_length).map((t) => t.id);

/** What reading the prompt's last token takes, part by part, with all tokens before it in the cache. */
export const costOf = (m: RunManifest): Ask<object, PassCost> => ({
  path: '/cost',
  body: { request: { ...read(m), tokens: promptOf(m) }, past: m.prompt_length - 1, tokens: 1, contexts: [] },
});

/** How long each part takes, measured on torch; of a model with a short context, over as many tokens as it has. */
export const timelineOf = (m: RunManifest): Ask<object, Timeline> => {
  const repeats = Math.max(1, Math.min(REPEATS, m.model.max_context - m.prompt_length));
  const tokens = promptOf(m).slice(0, Math.max(1, m.model.max_context - repeats));
  return { path: '/timeline', body: { request: { model: m.model.slug, engine: 'torch', tokens }, repeats } };
};

/** What the block's first branch adds: attention, a short convolution, a recurrence, or two of them. */
const mixed = (l: Layer): string[] => [
  ...(l.attention ? ['hook_attn_out'] : []),
  ...(l.conv ? ['hook_conv_out'] : []),
  ...(l.recurrence ? ['hook_ssm_out'] : []),
  ...(l.laurel ? ['hook_laurel_out'] : []),
];
const fed = (spec: DecoderSpec, l: Layer): string[] => [
  ...(l.mlp.d_mlp > 0 ? ['hook_mlp_out'] : []),
  ...(spec.layer_inputs ? ['hook_ple_out'] : []),
];

/** A block that adds nothing: all of its parts are silenced. */
export const skip = (spec: DecoderSpec, layer: number): Intervention[] => {
  const l = spec.layers[layer];
  return [...mixed(l), ...fed(spec, l)].map((h) => ({ hook: `blocks.${layer}.${h}`, op: 'zero' }) as Intervention);
};

/** How probable the model finds its own next token, without this block; null: with all of them. */
export const withoutBlock = (
  m: RunManifest,
  spec: DecoderSpec,
  next: number,
  layer: number | null,
): Ask<object, Logprobs> => ({
  path: '/logprobs',
  body: {
    request: { ...read(m), tokens: promptOf(m), ...(layer === null ? {} : { interventions: skip(spec, layer) }) },
    tokens: [next],
    top: 3,
  },
});

export const modelOf = (slug: string): Ask<null, ModelDetails> => ({
  path: `/models/${encodeURIComponent(slug)}`,
  body: null,
});

interface TensorJson {
  values: unknown;
}
export const captureOf = (run: string, hook: string, slice: Slice): Ask<null, TensorJson> => ({
  path: capturePath(run, hook, slice),
  body: null,
});

const flat = (v: unknown): number[] =>
  Array.isArray(v) ? v.flatMap(flat) : [v === '-inf' ? -Infinity : v === 'inf' ? Infinity : Number(v)];

/** One token's values at a hook, one after another; a recording keeps them as the server's own answers. */
export async function valuesAt(
  from: Source,
  hook: string,
  pos: number,
  square: boolean,
  signal: AbortSignal,
): Promise<number[]> {
  const slice = square ? { query: pos } : { pos };
  if (from.recorded) return flat((await from.ask(captureOf(from.manifest.id, hook, slice), signal)).values);
  await from.need([hook], `${pos}:${pos + 1}`);
  return [...(await from.capture(hook, slice, signal)).data];
}

/** The stream before the block, what its two branches add, each a sum of hooks or nothing, the stream after. */
export const streamOf = (spec: DecoderSpec, layer: number): string[][] => {
  const l = spec.layers[layer];
  return [['hook_resid_pre'], mixed(l), fed(spec, l), ['hook_resid_post']].map((of) =>
    of.map((h) => `blocks.${layer}.${h}`),
  );
};

const hooksOf = (spec: DecoderSpec, layer: number): Values[] =>
  piecesOf(spec, layer).flatMap((p) => p.steps.flatMap((s) => s.values));

/** What the first example's recording holds of the server's answers. */
export async function asks(m: RunManifest, answer: <A>(ask: Ask<object | null, A>) => Promise<A>): Promise<Ask[]> {
  const { spec } = await answer(modelOf(m.model.slug));
  const next = m.tokens[m.prompt_length]?.id;
  const pos = m.prompt_length - 1;
  const layers = spec.layers.map((_, i) => i);
  const seen = layers.flatMap((layer) => [
    ...streamOf(spec, layer)
      .flat()
      .map((h) => captureOf(m.id, h, { pos })),
    ...hooksOf(spec, layer).map((v) =>
      captureOf(m.id, `blocks.${layer}.${v.hook}`, v.square ? { query: pos } : { pos }),
    ),
  ]);
  return [
    costOf(m),
    timelineOf(m),
    ...[null, ...layers].map((layer) => withoutBlock(m, spec, next, layer)),
    modelOf(BESIDE),
    ...new Map(seen.map((a) => [a.path, a])).values(),
  ];
}

export { BESIDE };
