import { describe, expect, it } from 'vitest';
import type { DecoderSpec, PassCost, Timeline } from '../src/api/types';
import { layBlock } from '../src/kit/plots/block';
import { choiceOf, sharesOf, weightsOf } from '../src/chapters/04-feed-forward/experts';
import { dearest, sumOf } from '../src/chapters/11-transformer-block/costs';
import { compared, factsOf } from '../src/chapters/11-transformer-block/facts';
import { expertsOf } from '../src/chapters/11-transformer-block/mixture';
import type { Layer } from '../src/chapters/11-transformer-block/piece';
import { equationOf } from '../src/chapters/11-transformer-block/equation';
import { orderOf, piecesOf } from '../src/chapters/11-transformer-block/pieces';
import { skip } from '../src/chapters/11-transformer-block/asks';

const rms = { kind: 'rms', eps: 1e-6 } as const;
const layer = (more: Partial<Layer> = {}, attention: Partial<Layer['attention']> = {}): Layer =>
  ({
    ln1: rms,
    ln2: rms,
    parallel: false,
    attention: {
      n_heads: 4,
      n_kv_heads: 2,
      d_head: 16,
      scale: 0.25,
      rope: { dims: 16, theta: 10000, scaling: { kind: 'default' } },
      qkv_bias: false,
      out_bias: false,
      qk_norm_wide: false,
      ...attention,
    },
    mlp: { d_mlp: 128, activation: 'silu', gated: true, bias: false },
    ...more,
  }) as Layer;
const spec = (layers: Layer[], more: Partial<DecoderSpec> = {}): DecoderSpec =>
  ({
    family: 'f',
    vocab: 100,
    d_model: 64,
    max_context: 256,
    learned_positions: false,
    embed_scale: 1,
    layers,
    final_norm: rms,
    tied: true,
    ...more,
  }) as DecoderSpec;

const llama = spec([layer()]);
const pythia = spec([layer({ parallel: true, ln1: { kind: 'layer', eps: 1e-5 }, ln2: { kind: 'layer', eps: 1e-5 } })]);
const gemma = spec(
  [
    layer({ ln1_post: rms, ln2_post: rms }, { window: 8, q_norm: rms, k_norm: rms, score_softcap: 50 }),
    layer({ ln1_post: rms, ln2_post: rms }),
  ],
  { logit_softcap: 30, embed_scale: 8 },
);
const olmo = spec([layer({ ln1: undefined, ln2: undefined, ln1_post: rms, ln2_post: rms })]);
const gpt2 = spec([layer({}, { rope: undefined, n_kv_heads: 4 })], { learned_positions: true });

describe('a block from its spec', () => {
  it('has its norms before, after, or both, and its branches in order or at once', () => {
    const ids = (s: DecoderSpec) => piecesOf(s, 0).map((p) => p.id);
    expect(ids(llama)).toEqual(['ln1', 'attention', 'ln2', 'mlp']);
    expect(ids(gemma)).toEqual(['ln1', 'attention', 'ln1_post', 'ln2', 'mlp', 'ln2_post']);
    expect(ids(olmo)).toEqual(['attention', 'ln1_post', 'mlp', 'ln2_post']);
    expect(orderOf(llama.layers[0])).toContain('pre-norm');
    expect(orderOf(gemma.layers[0])).toContain('sandwich');
    expect(orderOf(olmo.layers[0])).toContain('post-norm');
    expect(orderOf(pythia.layers[0])).toContain('parallel');
    const first = spec([layer({ stream_norms: true })]);
    expect(orderOf(first.layers[0])).toContain('the stream itself');
    expect(equationOf(first, first.layers[0]).tex).toContain('m=N(n+');
    expect(
      piecesOf(first, 0)
        .map((p) => p.role)
        .join(),
    ).not.toContain('not touched');
    expect(layBlock(piecesOf(pythia, 0), true).branches.map((b) => b.join)).toEqual([54, 54]);
    expect(equationOf(pythia, pythia.layers[0]).tex).not.toContain('m=');
    expect(equationOf(olmo, olmo.layers[0]).tex).toContain('N\\,\\cattn{A}(x)');
  });

  it('has the steps that the family has, with its caps and windows', () => {
    const steps = (s: DecoderSpec) => piecesOf(s, 0).find((p) => p.id === 'attention')!.steps;
    expect(steps(llama).map((s) => s.part)).toEqual([
      'attn.qkv',
      'attn.rope',
      'attn.scores',
      'attn.pattern',
      'attn.z',
      'attn.o',
    ]);
    expect(steps(gpt2).map((s) => s.part)).not.toContain('attn.rope');
    const scores = steps(gemma).find((s) => s.part === 'attn.scores')!;
    expect(scores.says).toContain('8 positions back');
    expect(scores.tex).toContain('tanh');
    expect(steps(gemma).find((s) => s.part === 'attn.o')!.values, 'the norm after it has the hook').toEqual([]);
    const granite = layer({ residual_scale: 0.22 }, { out_bias: true });
    expect(steps(spec([granite])).at(-1)!.tex).toBe('y=0.22\\,(W_O\\,\\cattn{z}+b_O)');
    const bare = { kind: 'layer', eps: 1e-5, weight: false, bias: false } as const;
    const olmo1 = spec([layer({ ln1: bare }, { clip: 8 })]);
    const step = (s: DecoderSpec) => piecesOf(s, 0)[0].steps[0];
    expect(step(olmo1).tex).not.toContain('w_i');
    expect(step(pythia).tex).toContain('w_i+b_i');
    expect(step(llama).says).toContain('learned');
    expect(steps(olmo1)[0].says).toContain('within ± 8');
    expect(factsOf(olmo1, 0).find((f) => f.name === 'Norm')?.value).toBe('LayerNorm, without weights');
    const alibi = { slopes: [0.5, 0.25], factor: 0.5, bf16: false };
    const bloom = spec([layer({}, { rope: undefined, alibi })], { embed_norm: { kind: 'layer', eps: 1e-5 } });
    expect(steps(bloom).find((s) => s.part === 'attn.scores')!.says).toContain('its slope away, 0.25 to 0.125');
    expect(steps(bloom).find((s) => s.part === 'attn.scores')!.tex).toContain('-m_h');
    const norms = factsOf(spec([layer({}, { q_norm: rms, k_norm: rms, qk_norm_by_head: true })]), 0);
    expect(norms.find((f) => f.name === 'Norms of q and k')?.value).toContain('weights of its own');
    const said = Object.fromEntries(factsOf(bloom, 0).map((f) => [f.name, f.value]));
    expect(said.Positions).toBe('ALiBi, slopes 0.25 to 0.125');
    expect(said.Embedding).toContain('normed');
    const inputs = { width: 16, vocab: 320, activation: 'gelu_tanh', norm: rms } as const;
    const gemma4 = spec([layer({ scaled: true }, { keys_from: 0 })], { layer_inputs: inputs });
    expect(equationOf(gemma4, gemma4.layers[0]).tex).toContain('y&=s\\,(n+P(n))');
    expect(steps(gemma4).find((s) => s.part === 'attn.qkv')!.says).toContain('those of block 0');
    expect(steps(gemma4).flatMap((s) => s.values.map((v) => v.hook))).not.toContain('attn.hook_rot_k');
    expect(piecesOf(gemma4, 0).at(-1)!.id).toBe('ple');
    const gemma3n = spec([layer({ laurel: { rank: 8, norm: rms } })], {
      layer_inputs: inputs,
      alt_up: { forms: 3, norm: rms, scaled: true },
    });
    expect(equationOf(gemma3n, gemma3n.layers[0]).words).toContain('each form');
    expect(piecesOf(gemma3n, 0).map((p) => p.id)).toContain('laurel');
    expect(equationOf(spec([granite]), granite).tex).toContain('m=x+0.22\\,\\cattn{A}');
    expect(piecesOf(pythia, 0).find((p) => p.id === 'ln2')!.steps[0].values[0].hook).toBe('hook_resid_pre');
    expect(piecesOf(llama, 0).find((p) => p.id === 'ln2')!.steps[0].values[0].hook).toBe('hook_resid_mid');
  });

  it('is told from another family’s, fact by fact', () => {
    const differs = compared(factsOf(llama, 0), factsOf(gemma, 0)).filter((f) => f.differs);
    expect(differs.map((f) => f.name)).toEqual([
      'Blocks',
      'Order',
      'Window',
      'Cap on scores',
      'Norms of q and k',
      'Embedding',
      'Cap on logits',
    ]);
    expect(differs.find((f) => f.name === 'Window')?.b).toBe('8 in 1 of 2 layers');
    const granite = factsOf(spec([layer({ residual_scale: 0.22 })]), 0);
    expect(compared(granite, factsOf(llama, 0)).filter((f) => f.differs)).toEqual([
      { name: 'Factor on what parts add', a: '0.22', b: 'none', differs: true },
    ]);
    expect(compared(factsOf(llama, 0), factsOf(llama, 0)).some((f) => f.differs)).toBe(false);
    expect(factsOf(gpt2, 0).find((f) => f.name === 'Positions')?.value).toContain('learned');
  });
});

describe('what a part takes', () => {
  const cost = {
    parts: [
      {
        part: 'ln1',
        layer: 0,
        parameters: 4,
        flops: 0,
        weights: 4,
        weight_bytes: 16,
        cache_read_bytes: 0,
        cache_write_bytes: 0,
      },
      {
        part: 'attn.z',
        layer: 0,
        parameters: 0,
        flops: 6,
        weights: 0,
        weight_bytes: 0,
        cache_read_bytes: 8,
        cache_write_bytes: 2,
      },
      {
        part: 'ln1',
        layer: 1,
        parameters: 4,
        flops: 0,
        weights: 4,
        weight_bytes: 16,
        cache_read_bytes: 0,
        cache_write_bytes: 0,
      },
    ],
  } as unknown as PassCost;
  const times = { decode: { parts: [{ part: 'ln1', layer: 0, ms: { median: 0.5 } }] } } as unknown as Timeline;

  it('is summed over a layer, or some of its parts', () => {
    expect(sumOf(cost, times, 0, null)).toEqual({ parameters: 4, flops: 6, bytes: 26, ms: 0.5 });
    expect(sumOf(cost, null, 0, ['attn.z'])).toEqual({ parameters: 0, flops: 6, bytes: 10, ms: null });
    expect(sumOf(null, times, 0, null)).toBeNull();
  });

  it('the dearest block is the one without which the answer is least probable', () => {
    expect(dearest([-1, -5, -2])).toBe(1);
    expect(dearest([-1, null, -2])).toBeNull();
    expect(dearest([])).toBeNull();
    const two = spec([layer(), layer({ attention: undefined, conv: { width: 3, bias: false } })]);
    expect(skip(two, 1)[0].hook).toBe('blocks.1.hook_conv_out');
    expect(skip(two, 0).map((c) => [c.hook, c.op])).toEqual([
      ['blocks.0.hook_attn_out', 'zero'],
      ['blocks.0.hook_mlp_out', 'zero'],
    ]);
  });
});

describe('a mixture of experts', () => {
  const experts = { count: 6, active: 2, renormalised: false, d_shared: 64, shared_gate: true };
  const mlp = { d_mlp: 48, activation: 'silu', gated: true, bias: false } as const;
  const part = (more: Partial<typeof experts>) =>
    piecesOf(spec([layer({ mlp: { ...mlp, experts: { ...experts, ...more } } })]), 0).find((p) => p.id === 'mlp')!;

  it('says how many experts a token meets, and has the router before the steps that are counted', () => {
    expect(part({}).shape).toBe('2 of 6 experts, 1 shared');
    expect(part({ d_shared: undefined }).shape).toBe('2 of 6 experts of 48');
    expect(part({}).steps.map((s) => s.part)).toEqual(['mlp.router', 'mlp.in', 'mlp.act', 'mlp.out']);
    expect(expertsOf(layer({ mlp: { ...mlp, experts } }))).toBe('2 of 6 experts, 48 neurons each, one shared of 64');
    expect(expertsOf(layer())).toBe('');
  });

  it('reads the hooks that a mixture has, the shared expert’s only where there is one', () => {
    const hooks = (more: Partial<typeof experts>) => part(more).steps.flatMap((s) => s.values.map((v) => v.hook));
    expect(hooks({})).toContain('mlp.shared_expert.hook_post');
    expect(hooks({ d_shared: undefined }).filter((h) => /shared|mlp\.hook_p/.test(h))).toEqual([]);
  });

  it('says the limits, the biases and the sinks of gpt-oss', () => {
    const held = {
      ...mlp,
      activation: 'gelu_quick',
      bias: true,
      limit: 7,
      experts: { ...experts, d_shared: undefined },
    } as const;
    const oss = spec([layer({ mlp: held }, { sinks: true })]);
    const steps = piecesOf(oss, 0).flatMap((p) => p.steps);
    const step = (part: string) => steps.find((s) => s.part === part)!;
    expect(step('attn.pattern').says).toContain('less than 1');
    expect(step('attn.pattern').tex).toContain('sink');
    expect(step('mlp.router').tex).toContain('+b_r');
    expect(step('mlp.act').tex).toContain('\\min(g_e,7)');
    expect(step('mlp.act').says).toContain('held below 7');
    expect(step('mlp.out').tex).toContain('b_{out,e}');
    const facts = Object.fromEntries(factsOf(oss, 0).map((f) => [f.name, f.value]));
    expect(facts['Attention sinks']).toBe('one per head');
    expect(facts.Activation).toContain('± 7');
    expect(factsOf(spec([layer()]), 0).some((f) => f.name === 'Attention sinks')).toBe(false);
  });
});

describe('a latent vector and DeepSeek’s routing', () => {
  const rope = { dims: 8, theta: 10000, scaling: { kind: 'default' } } as const;
  const latent = { d_latent: 24, d_value: 20, d_shared: 8, norm: { kind: 'rms', eps: 1e-6 } } as const;
  const attention = { ...layer().attention!, n_heads: 4, n_kv_heads: 4, d_head: 24, rope, latent };
  const first = piecesOf(spec([layer({ attention })]), 0).find((p) => p.id === 'attention')!.steps;

  it('says what keys and values are made of, and that a value has its own size', () => {
    expect(first[0].shape).toContain('[24] → [4 × 16], [4 × 20]');
    expect(first[0].values[0].hook).toBe('attn.hook_kv_latent');
    expect(first.find((s) => s.part === 'attn.z')!.shape).toBe('[4 × 20]');
    expect(first[0].says).toContain('other 8 numbers, those that turn, all heads share');
    const still = piecesOf(spec([layer({ attention: { ...attention, rope: undefined } })]), 0);
    expect(still.find((p) => p.id === 'attention')!.steps[0].says).toContain('other 8 numbers all heads share');
  });

  it('says sigmoid, groups, bias and factor where the router has them', () => {
    const routing = { sigmoid: true, choice_bias: true, groups: 4, active_groups: 2, group_best: 2, factor: 2.5 };
    const experts = { count: 8, active: 3, renormalised: true, shared_gate: false, routing };
    const mlp = { d_mlp: 48, activation: 'silu', gated: true, bias: false, experts } as const;
    const route = piecesOf(spec([layer({ mlp })]), 0).find((p) => p.id === 'mlp')!.steps[0];
    expect(route.says).toContain('the best 3 of the 2 best of 4 groups');
    expect(route.tex).toContain('\\sigma');
    expect(route.tex).toContain('2.5');
    expect(weightsOf(experts)).toBe(2.5);
    expect([...sharesOf(experts, Float32Array.from([0, 100]))]).toEqual([0.5, 1]);
    expect(choiceOf(experts)).toMatch(/2 best groups.*2 best experts.*bias/);
    expect(choiceOf({ ...experts, routing: undefined })).toBe('');
  });
});

describe('a short convolution in the place of attention', () => {
  const conv = { width: 3, bias: true };
  const hybrid = spec([layer({ attention: undefined, conv }), layer()]);
  const first = piecesOf(hybrid, 0).find((p) => p.id === 'attention')!;

  it('is drawn with its own steps and hooks, and no heads', () => {
    expect(first.name).toBe('Short convolution');
    expect(first.steps.map((s) => s.part)).toEqual(['conv.in', 'conv.conv', 'conv.out']);
    expect(first.steps.flatMap((s) => s.values.map((v) => v.hook))).toEqual([
      'conv.hook_b',
      'conv.hook_c',
      'conv.hook_bx',
      'conv.hook_conv',
      'conv.hook_post',
      'hook_conv_out',
    ]);
    expect(first.steps[1].tex).toContain('u_{t-2}');
    expect(piecesOf(hybrid, 0).find((p) => p.id === 'ln1')!.role).toContain('the convolution reads');
    expect(equationOf(hybrid, hybrid.layers[0]).words).toContain('C of x');
  });

  it('is told apart in the facts', () => {
    const facts = Object.fromEntries(factsOf(hybrid, 0).map((f) => [f.name, f.value]));
    expect(facts['Layers with heads']).toBe('1 of 2');
    expect(facts['In the place of attention']).toContain('3 tokens');
    expect(facts.Heads).toBeUndefined();
    expect(facts.Biases).toBe('convolution');
    const other = Object.fromEntries(factsOf(hybrid, 1).map((f) => [f.name, f.value]));
    expect(other.Heads).toBeDefined();
    expect(other['In the place of attention']).toBeUndefined();
  });
});
