import { describe, expect, it } from 'vitest';
import { DEFAULTS, formatUrl, parseUrl, SHARED, type PageState } from '../src/state/url';

const parse = (path: string) => parseUrl(new URL(path, 'http://localhost'));

describe('the URL', () => {
  it('is bare when everything is as it is by default', () => {
    expect(formatUrl(DEFAULTS)).toBe('/');
    expect(parse('/')).toEqual(DEFAULTS);
  });

  it('holds the whole state and gives it back', () => {
    const state: PageState = {
      view: 'runs',
      model: 'org--name',
      engine: 'torch',
      precision: 'fp16',
      prompt: 'a & b = “c”\n€',
      plain: true,
      generation: { maxNewTokens: 7, greedy: false, temperature: 0.75, topK: 40, topP: 0.9, minP: 0.05, seed: 0 },
      run: '20261125-003512-417-a1b2c3',
      token: 0,
      layer: 3,
      head: 2,
      code: 'scores',
      changes: '[{"hook":"blocks.3.attn.hook_z","op":"zero","heads":[2]}]',
      changed: '20261125-003513-002-b2c3d4',
      own: {},
      kept: true,
      section: 'attention',
      tensor: 'model.layers.0.mlp.up_proj.weight',
      scheme: 'int4-g32-asym',
      show: 'error',
      row: 64,
      col: 128,
      theme: 'dark',
      compare: {
        id: '20261125-003512-417-a1b2c3',
        model: 'other',
        engine: 'onnx',
        precision: 'int8',
        prompt: 'b & a',
        deviceA: 'cpu',
        deviceB: 'cuda:0',
        changesA: '[{"hook":"blocks.2.attn.hook_z","op":"zero"}]',
        changesB: '[]',
        planA: '{"kernel":"exact","overrides":[]}',
        planB: '{"overrides":[{"modules":"blocks.*.mlp.*","precision":"fp16"}]}',
        corpus: 'tales:held_out',
        text: 'A story.\n\nAnd its end.',
        rank: 'matrix',
        lower: true,
        budget: '1.5 MiB',
        windows: 'llama_cpp',
        floor: 'engine',
        factor: '25',
        order: 'kl',
        point: 'attn.hook_pattern',
        metric: 'head',
        word: 12,
      },
    };
    expect(parse(formatUrl(state))).toEqual(state);
    for (const name of new URL(formatUrl(state), 'http://localhost').searchParams.keys())
      expect(SHARED).toContain(name);
  });

  it('holds what a chapter names its own, and only a chapter', () => {
    const state: PageState = { ...DEFAULTS, view: 'chapters/08-attention-qkv', own: { pair: '3', mode: 'scores' } };
    expect(formatUrl(state)).toBe('/chapters/08-attention-qkv?pair=3&mode=scores');
    expect(parse(formatUrl(state))).toEqual(state);
    expect(parse('/?pair=3').own).toEqual({});
  });

  it('keeps an empty prompt apart from no prompt', () => {
    expect(parse(formatUrl({ ...DEFAULTS, prompt: '' })).prompt).toBe('');
    expect(parse('/').prompt).toBeNull();
  });

  it('leaves a long text out', () => {
    const state = { ...DEFAULTS, compare: { ...DEFAULTS.compare, text: 'long '.repeat(1000) } };
    expect(formatUrl(state)).toBe('/');
  });

  it('takes no nonsense', () => {
    const s = parse(
      '/nowhere?token=-1&layer=x&head=1.5&new=1e99&temperature=0&top_p=7&seed=&theme=pink&show=nothing&row=-1&col=x&metric=feet&rank=all&order=up&word=-3',
    );
    expect(s).toEqual(DEFAULTS);
  });
});
