/** What a block computes, as one line of LaTeX. Pure. */
import type { DecoderSpec } from '../../api/types';
import { short } from '../../kit/text/format';
import type { Layer } from './piece';

/** Equations one under the other, aligned at their first equals sign. */
const lines = (...all: string[]): string =>
  `\\begin{aligned}${all.map((l) => l.replace('=', '&=')).join('\\\\')}\\end{aligned}`;

export function equationOf(spec: DecoderSpec, l: Layer): { tex: string; words: string } {
  const s = l.residual_scale == null ? '' : `${short(l.residual_scale)}\\,`;
  const letter = l.conv ? 'C' : l.recurrence ? (l.attention ? '(A+R)' : 'R') : 'A';
  const a = `${s}${l.ln1_post ? 'N\\,' : ''}\\cattn{${letter}}(${l.ln1 ? 'N(x)' : 'x'})`;
  const f = (x: string) => `${s}${l.ln2_post ? 'N\\,' : ''}\\cneuron{F}(${l.ln2 ? `N(${x})` : x})`;
  if (l.mlp.d_mlp === 0) return { tex: `y=x+${a}`, words: `y = x + ${letter} of x` };
  if (l.stream_norms)
    return {
      tex: `${l.ln1 ? 'n=N(x),\\quad ' : 'n=x,\\quad '}m=N(n+${s}\\cattn{${letter}}(n)),\\qquad y=m+${s}\\cneuron{F}(m)`,
      words: `n = the norm of x; m = the norm of n + ${letter} of n; y = m + F of m`,
    };
  if (l.parallel) return { tex: `y=x+${a}+${f('x')}`, words: `y = x + ${letter} + F, both of x` };
  const mid = l.laurel ? `m=\\tfrac{1}{\\sqrt 2}(x+${a}+L(N(x)))` : `m=x+${a}`;
  const midWords = `m = ${l.laurel ? `(x + ${letter} of x + L of x) over the root of 2` : `x + ${letter} of x`}`;
  const own = spec.layer_inputs != null;
  if (spec.alt_up)
    return {
      tex: lines(mid, `n=m+${f('m')}`, `y_i=x_i+c_i\\,(n-x)${own ? '+P(y_0)_{i>0}' : ''}`),
      words: `${midWords}; n = m + F of m; each form y_i = its prediction x_i + its share c_i of n - x${own ? ', and in all but the first P, the token’s own input' : ''}`,
    };
  if (!own && !l.scaled) return { tex: `${mid},\\qquad y=m+${f('m')}`, words: `${midWords}; y = m + F of m` };
  const end = own ? `(n+P(n))` : 'n';
  return {
    tex: lines(mid, `n=m+${f('m')}`, `y=${l.scaled ? 's\\,' : ''}${end}`),
    words: `${midWords}; n = m + F of m; y = ${l.scaled ? 's times ' : ''}n${own ? ' + P, the token’s own input gated by n' : ''}`,
  };
}
