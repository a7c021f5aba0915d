/** Six heads that tell: which, by what they do on this text, and how each is told. Pure. */
import type { HeadProfile } from '../../api/types';
import { percent, short } from '../../kit/text/format';
import { ROLES, sorted } from './heads';

type Stripe = 'previous' | 'induction' | 'duplicate' | 'first' | 'self';
export type Role = Stripe | 'spread' | 'focus' | 'adds';

/** A head and the one thing that it is shown for. */
export interface Telling {
  index: number;
  role: Role;
  /** Share of its attention, entropy in nats, or what it adds to the logit. */
  value: number;
  /** Whether no other head does more of it. */
  most: boolean;
}

const STRIPES: Stripe[] = ['previous', 'induction', 'duplicate', 'first', 'self'];
const SHOWN: Role[] = [...STRIPES, 'spread', 'focus', 'adds'];

/**
 * Each head is shown for what it does most of among all heads: the four places that some head reads most, the head
 * that reads most evenly, and the one that adds most to the next token.
 *
 * @param effects what each head adds to the logit, where that is known
 */
export function telling(profiles: HeadProfile[], effects: number[] | null, count = 6): Telling[] {
  const scores = (role: Role): (number | null)[] =>
    profiles.map((h, i) => {
      if (role === 'adds') return effects?.[i] ?? null;
      if (role === 'spread') return h.entropy;
      if (role === 'focus') return -h.entropy;
      return h.stripes[role] ?? null;
    });
  const top = (role: Role) => Math.max(...scores(role).map((s) => s ?? -Infinity));
  const stripes = STRIPES.filter((r) => top(r) > 0).sort((a, b) => top(b) - top(a));
  const roles: Role[] = [...(effects ? (['adds'] as const) : []), 'spread', ...stripes, 'focus'].slice(
    0,
    count,
  ) as Role[];
  const taken = new Set<number>();
  const told: Telling[] = [];
  for (const role of roles) {
    const of = scores(role);
    const order = sorted(of);
    const index = order.find((i) => of[i] !== null && !taken.has(i));
    if (index === undefined) continue;
    taken.add(index);
    told.push({ index, role, value: role === 'focus' ? -of[index]! : of[index]!, most: index === order[0] });
  }
  return told.sort((a, b) => SHOWN.indexOf(a.role) - SHOWN.indexOf(b.role));
}

/** What it does, in words. */
export function does(role: Role, word: string | null): string {
  switch (role) {
    case 'spread':
      return 'reads many tokens at once';
    case 'focus':
      return 'reads one token at a time';
    case 'adds':
      return `adds most to ${word ?? 'the next token'}`;
    default:
      return ROLES[
        { previous: 'previous_token', duplicate: 'duplicate_token', first: 'first_token' }[role as string] ?? role
      ];
  }
}

/** How much of it, in numbers. */
export function much(t: Telling, heads: number): string {
  const most = t.most ? `, of all ${heads} the most` : '';
  if (t.role === 'adds')
    return `${t.value >= 0 ? '+' : '−'}${short(Number(Math.abs(t.value).toPrecision(3)))} to its logit`;
  if (t.role === 'spread' || t.role === 'focus') {
    return `as spread as ${short(Number(Math.exp(t.value).toPrecision(2)))} tokens read evenly`;
  }
  const where = t.role === 'duplicate' || t.role === 'induction' ? 'where a token repeats' : 'of its attention';
  return `${percent(t.value)} ${where}${most}`;
}

/** A query and the key that show what the head is told for; null where no one pair does. */
export function example(
  role: Role,
  pattern: ArrayLike<number>,
  ids: number[],
  query: number,
): { query: number; key: number; weight: number } | null {
  const n = ids.length;
  const keysOf = (q: number): number[] => {
    const before = Array.from({ length: q }, (_, k) => k);
    if (role === 'previous') return q > 1 ? [q - 1] : [];
    if (role === 'self') return q > 0 ? [q] : [];
    if (role === 'first') return q > 1 ? [0] : [];
    if (role === 'duplicate') return before.filter((k) => ids[k] === ids[q]);
    if (role === 'induction') return before.filter((k) => k > 0 && ids[k - 1] === ids[q]);
    return q === query && role === 'adds' ? [...before, q] : [];
  };
  let best: { query: number; key: number; weight: number } | null = null;
  for (let q = 0; q < n; q++) {
    for (const key of keysOf(q)) {
      const weight = pattern[q * n + key];
      if (!best || weight > best.weight) best = { query: q, key, weight };
    }
  }
  return best;
}
