import type { Intervention } from '../../api/types';

/** An intervention in one line: `zero blocks.3.attn.hook_z, head 2`. */
export function changeName(i: Intervention): string {
  const parts = [
    `${i.op} ${i.hook}${i.value === undefined ? '' : ` by ${i.value}`}`,
    some('head', i.heads),
    some('position', i.positions),
    some('key', i.keys),
    some('feature', i.features),
  ];
  return parts.filter(Boolean).join(', ');
}

function some(what: string, of: number[] | undefined): string {
  if (!of) return '';
  const shown = of.length > 4 ? `${of.slice(0, 3).join(' ')} … ${of.at(-1)}` : of.join(' ');
  return `${what}${of.length === 1 ? '' : 's'} ${shown}`;
}

/** An intervention as a phrase: `layer 3, head 2 silenced`. */
export function changeWords(i: Intervention): string {
  const layer = /^blocks\.(\d+)\./.exec(i.hook)?.[1];
  const where = layer === undefined ? '' : `layer ${layer}`;
  const heads = i.heads?.length === 1 ? `head ${i.heads[0]}` : some('head', i.heads);
  const at = [where, heads].filter(Boolean).join(', ');
  if (/hook_attn_scores$/.test(i.hook) && i.positions && i.keys) {
    return `${at}: position ${i.positions.join(' ')} may not read position ${i.keys.join(' ')}`;
  }
  const expert = i.features?.length === 1 ? `expert ${i.features[0]}` : some('expert', i.features);
  if (/hook_expert_gates$/.test(i.hook) && i.op === 'zero' && expert) return `${at}: ${expert} silenced`;
  if (/hook_router_logits$/.test(i.hook) && i.op === 'mask' && expert) return `${at}: nothing sent to ${expert}`;
  const what = /hook_z$|hook_result$/.test(i.hook) && heads ? '' : ` ${i.hook.split('.').at(-1)}`;
  const verb: Record<string, string> = {
    zero: 'silenced',
    mean: 'set to its mean',
    scale: `scaled by ${i.value}`,
    add: 'added to',
    replace: 'replaced',
    mask: 'masked',
    scale_along: `scaled by ${i.value} along a direction`,
    cap_along: `capped at ${i.value} along a direction`,
    add_along: `moved by ${i.value} of its norm along a direction`,
    freeze: 'frozen',
  };
  return `${at}${what} ${verb[i.op] ?? i.op}${i.positions ? ` at ${some('position', i.positions)}` : ''}`.trim();
}
