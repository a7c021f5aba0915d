/** What chapter 12 may show of a model's training and why not, and its sizes. Pure. */
import type { Curve, HeadProfile } from '../../api/types';
import { bytes, count } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { bestHead, formed, leap, type State } from './life';

/** Why a model's training cannot be shown; null where it can, and while its states are not known. */
export function cannotShow(exported: boolean, life: { curve: Curve | null; states: State[] } | null): string | null {
  if (exported) return 'an exported ONNX graph is one finished state';
  if (!life || life.states.length > 1) return null;
  return life.curve === null
    ? 'its files tell nothing of its training: they hold no losses and no earlier states'
    : 'its training kept no earlier states: only the finished model is left';
}

/** The head that is best at a role in the end, and the two states between which its score rose most. */
export interface Formation {
  /** layer.head */
  name: string;
  from: State;
  to: State;
  before: number;
  after: number;
}

/**
 * How the best head of a role formed.
 *
 * @param profiles every head's scores, state by state
 * @param heads heads per layer
 */
export function formationOf(
  profiles: HeadProfile[][],
  states: State[],
  heads: number,
  role: 'previous' | 'induction',
): Formation {
  const scores = formed(profiles, role);
  const head = bestHead(scores);
  const to = leap(scores[head]);
  return {
    name: `${Math.floor(head / heads)}.${head % heads}`,
    from: states[to - 1],
    to: states[to],
    before: scores[head][to - 1],
    after: scores[head][to],
  };
}

/** Sizes of a model's training; the last state is not known yet where it is null. */
export function sizesOf(last: State | null, states: number, weightBytes: number): Sizes {
  return [
    ['updates', last ? count(last.step) : '…'],
    ['tokens learnt from', last?.tokens == null ? '…' : count(last.tokens)],
    ['states that were kept', count(states)],
    ['a state, in 32 bits', bytes(weightBytes)],
  ];
}
