/** Analyses that the Lab draws: those of two runs, which have both and a metric. */
import type { Analysis as AnyAnalysis, AnalysisRequest as AnyRequest } from '../../api/types';

export type AnalysisRequest = AnyRequest & Required<Pick<AnyRequest, 'clean'>>;
export type Analysis = AnyAnalysis &
  Required<Pick<AnyAnalysis, 'metric'>> & {
    request: AnalysisRequest;
    clean: Required<AnyAnalysis['clean']>;
    corrupt: Required<AnyAnalysis['clean']>;
  };

/** Whether it has two runs. */
export const paired = (a: AnyAnalysis): a is Analysis => a.metric !== undefined;
