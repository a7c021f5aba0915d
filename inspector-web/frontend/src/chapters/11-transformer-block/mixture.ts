/** The pieces of a mixture of experts: the router, and the steps of every chosen expert. Pure. */
import { count, short } from '../../kit/text/format';
import { NEURON, timesScale, type Experts, type Layer, type Piece, type Step, type Values } from './piece';

/** How a router makes weights of its scores. */
function route(of: Experts, bias: boolean): Pick<Step, 'says' | 'tex' | 'words'> {
  const k = of.active;
  const r = of.routing;
  const logits = `W_r\\,x${bias ? '+b_r' : ''}`;
  const p = r?.sigmoid ? `\\sigma(${logits})` : `\\mathrm{softmax}(${logits})`;
  const times = r && r.factor !== 1 ? short(r.factor) : '';
  const spoken = r?.sigmoid ? 'the sigmoid of W_r times x' : 'the softmax of W_r times x';
  const share = of.renormalised ? '\\frac{p_e}{\\sum_{j\\in\\mathrm{best}}p_j}' : 'p_e';
  const among = r && r.groups > 1 ? ` of the ${r.active_groups} best of ${r.groups} groups` : '';
  return {
    says: `The router’s product with the vector is a score for every expert. ${
      r?.sigmoid ? 'Each is brought between 0 and 1 by itself' : 'Softmax makes shares of them'
    }; the best ${k}${among} are kept${of.renormalised ? ' and divided by their sum' : ' as they are'}${
      r?.choice_bias ? '. A bias for each expert has a say in which are best, and none in their weights' : ''
    }. What it takes is counted with the next step.`,
    tex: `p=${p},\\quad w_e=${times ? `${times}\\,` : ''}${share}`,
    words: `p is ${spoken}; the weight of a chosen expert is ${times ? `${times} times ` : ''}its p${of.renormalised ? ' over the sum of the chosen ones’' : ''}`,
  };
}

/** The steps of a mixture: the router, then the same three steps in every chosen expert, their answers weighed. */
export function mixture(l: Layer, of: Experts, d: number): Piece {
  const m = l.mlp;
  const [tex, name] = NEURON[m.activation] ?? ['f(x)', m.activation];
  const k = of.active;
  const wide = `[${k} × ${count(m.d_mlp)}]`;
  const shared = of.d_shared ?? null;
  const beside = (hook: string, name: string): Values[] =>
    shared === null ? [] : [{ name: `shared: ${name}`, hook: `mlp.shared_expert.${hook}`, color: 'neuron' }];
  const pair = (hook: string, name: string): Values[] => [
    { name, hook: `mlp.experts.${hook}`, color: 'neuron' },
    ...beside(hook, name),
  ];
  const plus = (name: string) => (m.bias ? `+b_{${name}}` : '');
  const answer = `W_{out,e}\\,h_e${plus('out,e')}`;
  const sum = `\\sum_{e}w_e\\,${m.bias ? `(${answer})` : answer}${shared === null ? '' : '+s'}`;
  const limit = m.limit == null ? null : short(m.limit);
  return {
    id: 'mlp',
    name: 'Feed-forward',
    shape: `${k} of ${of.count} experts${shared === null ? ` of ${count(m.d_mlp)}` : ', 1 shared'}`,
    color: 'neuron',
    branch: 1,
    role: `Rewrites each token alone: a router sends it through ${k} of ${of.count} experts of ${count(m.d_mlp)} neurons each${shared === null ? '' : `, and through one of ${count(shared)} that all tokens share`}. The parameters count all of them, the FLOPs those that a token meets.`,
    steps: [
      {
        part: 'mlp.router',
        name: 'Route',
        shape: `[${d}] → [${of.count}]`,
        ...route(of, m.bias),
        values: [
          { name: 'scores', hook: 'mlp.hook_router_logits', color: 'neuron' },
          { name: 'weights', hook: 'mlp.hook_expert_gates', color: 'neuron' },
        ],
        chapter: '04-feed-forward',
      },
      {
        part: 'mlp.in',
        name: m.gated ? 'Expand, twice' : 'Expand',
        shape: `[${d}] → ${wide}${m.gated ? ', twice' : ''}`,
        says: m.gated
          ? 'In each chosen expert two sums for every neuron: one is the gate of the other. The experts stand one after another, the best first.'
          : 'In each chosen expert one sum for every neuron. The experts stand one after another, the best first.',
        tex: `${m.gated ? `g_e=W_{gate,e}\\,x${plus('gate,e')},\\quad ` : ''}u_e=W_{in,e}\\,x${plus('in,e')}`,
        words: m.gated
          ? 'g = W_gate times x, u = W_in times x, in each chosen expert'
          : 'u = W_in times x, in each chosen expert',
        values: m.gated ? [...pair('hook_pre', 'gate'), ...pair('hook_pre_linear', 'sum')] : pair('hook_pre', 'sum'),
        chapter: '04-feed-forward',
      },
      {
        part: 'mlp.act',
        name: `Bend (${name})`,
        shape: wide,
        says: m.gated
          ? `${limit === null ? '' : `The gate is held below ${limit}, the other sum within ± ${limit}, and 1 is added to it. `}The gate is bent and multiplied into the other sum: without the bend, two matrices would be one.`
          : 'Each sum is bent: without the bend, two matrices would be one.',
        tex: m.gated
          ? `h_e=${limit === null ? 'f(g_e)\\odot u_e' : `f(\\min(g_e,${limit}))\\odot(\\mathrm{clip}(u_e,\\pm ${limit})+1)`},\\quad f(x)=${tex}`
          : `h_e=f(u_e),\\quad f(x)=${tex}`,
        words: m.gated
          ? `h = ${name} of g${limit === null ? '' : `, at most ${limit}`}, times u${limit === null ? '' : ` held within ± ${limit}, plus 1`}`
          : `h = ${name} of u`,
        values: pair('hook_post', 'fires'),
        chapter: '03-neuron',
      },
      {
        part: 'mlp.out',
        name: 'Project back, weigh, add up',
        shape: `${wide} → [${d}]`,
        says: `Each chosen expert’s answer times its weight, added up${shared === null ? '' : `, and the shared expert’s${of.shared_gate ? ', times a gate of its own' : ''}`}.`,
        ...timesScale(
          l,
          sum,
          `the sum of the chosen experts’ W_out times h, each times its weight${shared === null ? '' : ', plus the shared expert’s answer s'}`,
          true,
        ),
        values: [
          { name: 'answers', hook: 'mlp.experts.hook_out', color: 'neuron' },
          ...beside('hook_out', 'answer'),
          ...(l.ln2_post ? [] : [{ name: 'added', hook: 'hook_mlp_out', color: 'neuron' } as const]),
        ],
        chapter: '04-feed-forward',
      },
    ],
  };
}

/** A mixture in a few words: 2 of 4 experts, 96 neurons each; nothing where a layer is none. */
export function expertsOf(l: Layer): string {
  const of = l.mlp.experts;
  if (!of) return '';
  return `${of.active} of ${of.count} experts, ${count(l.mlp.d_mlp)} neurons each${of.d_shared == null ? '' : `, one shared of ${count(of.d_shared)}`}`;
}
