/** The circuit of a model's first pair of prompts, which a lesson takes along. Pure. */
import type { Ask } from '../../../api/source';
import type { Analysis, AnalysisRequest } from '../paired';
import { examplesOf } from '../requests';

/** Asks for it; null where no pair comes with the model. */
export function circuitOf(slug: string): Ask<AnalysisRequest, Analysis> | null {
  const pair = examplesOf(slug).at(0);
  if (!pair) return null;
  const body: AnalysisRequest = {
    kind: 'edges',
    clean: { model: slug, prompt: pair.clean },
    corrupt: { prompt: pair.corrupt },
  };
  return { path: '/analyses', body, whole: true };
}
