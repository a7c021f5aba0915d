/** What is asked of the server's sweeps about a run's model: a corpus's evidence of a unit, of the heads, of the loss. */
import type { EvidenceFrom, EvidenceHeads, EvidenceLoss, EvidenceUnit } from '../api/types';
import type { Ask } from '../api/source';
import { count } from '../kit/text/format';

export const unitEvidence = (run: string, hook: string, unit: number): Ask<object, EvidenceUnit> => ({
  path: '/evidence/unit',
  body: { run, hook, unit },
});

export const headsEvidence = (run: string): Ask<object, EvidenceHeads> => ({ path: '/evidence/heads', body: { run } });

export const lossEvidence = (run: string): Ask<object, EvidenceLoss> => ({ path: '/evidence/loss', body: { run } });

/** Texts by name, as a sentence calls them. */
const NAMED: Record<string, string> = {
  'tales:held_out': 'tales that the embedded models did not learn from',
  'tales:train': 'tales that the embedded models learned from',
};

/** `34,400 tokens of 200 tales that the embedded models did not learn from`; how they were read, where not in fp32 by torch. */
export function corpusSaid(from: EvidenceFrom): string {
  const tokens = `${count(from.tokens)} tokens of ${count(from.documents)}`;
  const how =
    from.engine === 'torch' && from.precision === 'fp32' ? '' : ` (read in ${from.precision} by ${from.engine})`;
  return `${tokens} ${NAMED[from.corpus] ?? `documents of ${from.corpus}`}${how}`;
}
