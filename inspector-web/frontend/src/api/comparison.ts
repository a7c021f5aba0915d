/** The shapes of twin runs, as the server's records write them (snake_case, nulls and infinities left out). */
import type { EngineInfo, ModelIdentity, PrecisionPlan, ProblemJson, RunRequest, Token } from './types';

export type Part = 'prompt' | 'text';

export interface ComparisonOptions {
  hooks?: string[];
  split?: boolean;
  top?: number;
  window?: number;
  stride?: number;
  cost?: boolean;
  decode_tokens?: number;
  repeats?: number;
}

export interface ComparisonRequest {
  a: RunRequest;
  b: RunRequest;
  text?: string;
  text_tokens?: number[];
  options?: ComparisonOptions;
  sensitivity?: SensitivityRequest;
  name?: string;
}

export type ModuleSize = 'layer' | 'module' | 'matrix';

export interface SensitivityRequest {
  direction?: 'restore' | 'lower';
  by?: ModuleSize;
  modules?: string[];
  budget_bytes?: number;
  tokens?: number;
}

export interface SensitiveModule {
  module: string;
  matrices: string[];
  kld: Estimate;
  effect: Estimate;
  bytes: number;
  effect_per_byte?: number;
}

export interface Sensitivity {
  options: SensitivityRequest;
  positions: number;
  start: OutputMeasures;
  start_bytes: number;
  end_bytes: number;
  modules: SensitiveModule[];
  plan?: {
    precision_plan: PrecisionPlan;
    modules: string[];
    bytes: number;
    expected_kld: number;
    measures: OutputMeasures;
  };
}

export interface Speed {
  median: number;
  slowest: number;
  fastest: number;
  runs: number;
}

export interface Cost {
  load_ms: number;
  prefill_tokens: number;
  prefill?: Speed;
  decode?: Speed;
  weight_bytes: number;
  file_bytes: number;
  kv_dtype: string;
  kv_bytes_per_token: number[];
  peak_process_bytes?: number;
  device_bytes?: number;
}

export interface ComparisonSide {
  request: RunRequest;
  model: ModelIdentity;
  engine: EngineInfo;
  tokens: Token[];
  cost?: Cost;
}

export interface ComparedHook {
  hook: string;
  cosine?: number;
  relative_l2?: number;
  max_abs?: number;
  sqnr?: number;
  worst_position: number;
  worst_relative_l2?: number;
}

export interface First {
  threshold: number;
  hook?: string;
  position?: number;
  relative_l2?: number;
}

export interface ModuleError {
  module: string;
  output: string;
  total?: number;
  made?: number;
  inherited?: number;
  cosine?: number;
}

export interface Estimate {
  value: number;
  error?: number;
}

export interface Percentile {
  percent: number;
  value: number;
}

export interface OutputMeasures {
  positions: number;
  mean_kld: Estimate;
  kld: Percentile[];
  same_top: Estimate;
  top_overlap: Estimate;
  k: number;
  scored: number;
  ppl_a?: Estimate;
  ppl_b?: Estimate;
  ppl_correlation?: number;
  ln_ppl_ratio?: Estimate;
  ppl_ratio?: Estimate;
  ppl_difference?: Estimate;
  mean_delta_p?: Estimate;
  rms_delta_p?: Estimate;
  delta_p?: Percentile[];
}

export interface ComparisonManifest {
  id: string;
  created: string;
  version: string;
  name?: string;
  a: ComparisonSide;
  b: ComparisonSide;
  options: ComparisonOptions;
  hooks: ComparedHook[];
  skipped: { hook: string; why: string }[];
  firsts: First[];
  modules?: ModuleError[];
  modules_why?: string;
  prompt?: OutputMeasures;
  text?: {
    beginning?: string;
    characters: number;
    tokens: number;
    window: number;
    stride: number;
    windows: number;
    measures: OutputMeasures;
  };
  sensitivity?: Sensitivity;
  total_ms: number;
}

export interface ComparisonSummary {
  id: string;
  created: string;
  name?: string;
  a: { model: string; engine: string; precision: string; interventions: number };
  b: { model: string; engine: string; precision: string; interventions: number };
  prompt?: string;
  prompt_tokens: number;
  text_tokens: number;
  mean_kld?: number;
  ppl_ratio?: number;
}

export interface Candidate {
  id: number;
  text: string;
  prob_a: number;
  prob_b: number;
  rank_a?: number;
  rank_b?: number;
}

export interface ComparedToken {
  position: number;
  read: { id: number; text: string };
  next?: { id: number; text: string };
  kl: number;
  prob_a?: number;
  prob_b?: number;
  same_top: boolean;
  top: Candidate[];
}

export interface ComparisonProgress {
  phase: 'opening' | 'hooks' | 'modules' | 'prompt' | 'text' | 'cost' | 'sensitivity';
  done: number;
  total: number;
  note: string;
  mean_kld?: number;
}

/** What the server says while a comparison happens. */
export type ComparisonEvent =
  | { event: 'queued'; data: { id: string; ahead: number } }
  | { event: 'started'; data: { id: string } }
  | { event: 'progress'; data: ComparisonProgress }
  | { event: 'done'; data: ComparisonManifest }
  | { event: 'error'; data: ProblemJson };
