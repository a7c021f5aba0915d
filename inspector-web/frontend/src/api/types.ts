/** The shapes of the REST API, as the server's records write them (snake_case, nulls left out). */

export interface Token {
  id: number;
  text: string;
  bytes: number[];
  start?: number;
  end?: number;
  special: boolean;
}

export interface EngineInfo {
  name: string;
  version: string;
  form: string;
  device: string;
  precision: string;
  arithmetic: string;
  threads: number;
  load_ms: number;
  weight_bytes: number;
}

export interface ModelSummary {
  slug: string;
  family?: string;
  is_default: boolean;
  source: string;
  path: string;
  parameters: number;
  bytes: number;
  n_layers: number;
  d_model: number;
  has_tokenizer: boolean;
  open: EngineInfo[];
  /** A graph that somebody else exported: it runs on onnx only, in its file's precision. */
  exported: boolean;
  trouble?: string;
}

export interface HookDescription {
  name: string;
  available: boolean;
  layers: number[];
  why?: string;
  instead?: string;
}

export interface AttentionSpec {
  n_heads: number;
  n_kv_heads: number;
  d_head: number;
  scale: number;
  window?: number;
  /** c in c · tanh(score / c). */
  score_softcap?: number;
  /** Missing where queries and keys are not turned by position. */
  rope?: unknown;
}

export interface LayerSpec {
  attention: AttentionSpec;
  mlp: { d_mlp: number; activation: string; gated: boolean; bias: boolean };
  parallel: boolean;
}

export interface DecoderSpec {
  family: string;
  vocab: number;
  d_model: number;
  max_context: number;
  learned_positions: boolean;
  layers: LayerSpec[];
  tied: boolean;
}

export interface ModelDetails {
  summary: ModelSummary;
  spec: DecoderSpec;
  tokenizer?: { vocab_size: number; bos_id?: number; eos_id?: number; chat_template?: boolean };
  weights_sha256: string;
}

export interface PrecisionDescription {
  id: string;
  available: boolean;
  arithmetic?: string;
  why?: string;
  instead?: string;
}

export interface EngineDescription {
  id: string;
  version?: string;
  available: boolean;
  devices: Device[];
  precisions: PrecisionDescription[];
  why?: string;
  instead?: string;
}

export interface Device {
  id: string;
  name: string;
  available: boolean;
  why?: string;
}

export interface Health {
  status: string;
  version: string;
  uptime_s: number;
  default_model?: string;
  queue: { running: number; waiting: number; capacity: number };
}

export interface TensorEntry {
  name: string;
  dtype: string;
  /** As the file has it: BF16, Q4_K. */
  format: string;
  shape: number[];
  bytes: number;
  file: string;
  /** The canonical weights that are it or part of it. */
  weights: string[];
}

export interface Scheme {
  name: string;
  definition: string;
  bits: number;
}

export interface QuantizationError {
  max: number;
  max_at: number[];
  rms: number;
  relative: number;
  /** Left out when nothing is lost. */
  sqnr_db?: number;
  cosine: number;
  norm: number;
}

export interface SchemeResult {
  scheme: Scheme;
  bytes: number;
  bits_per_weight: number;
  error?: QuantizationError;
  codes: { code: number; count: number }[];
  refused?: string;
}

export interface Channels {
  count: number;
  median: number;
  outliers: number;
  largest: { index: number; max: number; ratio?: number }[];
}

export interface WeightStatistics {
  values: number;
  unique: number;
  zeros: number;
  min: number;
  max: number;
  mean: number;
  std: number;
  histogram: number[];
  rows: Channels;
  columns: Channels;
  schemes: SchemeResult[];
}

export interface Block {
  tensor: string;
  type: string;
  row: number;
  column: number;
  group_size: number;
  codes: number[];
  scales: number[];
  mins: number[];
  values: number[];
}

export interface GenerateOptions {
  max_new_tokens?: number;
  greedy?: boolean;
  temperature?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
  repetition_penalty?: number;
  seed?: number;
  stop?: string[];
  alternatives?: number;
  ignore_eos?: boolean;
}

/** A change to a hooked value; the rest of its fields are as the REST contract has them. */
export interface Intervention {
  hook: string;
  op: string;
  heads?: number[];
  positions?: number[];
  keys?: number[];
  features?: number[];
  value?: number;
}

export type Kernel = 'exact' | 'fast';

/** Another precision for some modules; of these the later ones win. */
export interface PrecisionOverride {
  modules: string;
  precision: string;
  kernel?: Kernel;
}

export interface PrecisionPlan {
  default?: string;
  kernel?: Kernel;
  overrides?: PrecisionOverride[];
}

export interface RunRequest {
  model?: string;
  engine?: string;
  device?: string;
  precision?: string;
  precision_plan?: PrecisionPlan;
  prompt?: string;
  tokens?: number[];
  messages?: { role: string; content: string }[];
  add_special_tokens?: boolean;
  capture?: string[];
  interventions?: Intervention[];
  generate?: GenerateOptions;
  name?: string;
}

export interface Alternative {
  id: number;
  text: string;
  logit: number;
  prob: number;
}

export interface GeneratedToken {
  position: number;
  token: Token;
  text: string;
  logprob: number;
  prob: number;
  sampled_prob: number;
  alternatives: Alternative[];
  ms: number;
}

export interface KvCacheReport {
  positions: number;
  dtype: string;
  bytes: number;
  allocated_bytes: number;
  layers: number[];
}

export interface ModelIdentity {
  slug: string;
  family: string;
  weights_sha256: string;
  n_layers: number;
  n_heads: number;
  n_kv_heads: number;
  d_head: number;
  d_model: number;
  d_mlp: number;
  vocab: number;
  max_context: number;
}

export interface CaptureEntry {
  hook: string;
  dtype: string;
  shape: number[];
  axes: string[];
  bytes: number;
  /** Positions that it holds; all where nothing is said. */
  positions?: { start: number; stop: number };
  /** The later reading that it is from; none for the run itself. */
  extension?: number;
}

export interface Timings {
  queue_ms: number;
  open_ms: number;
  prefill_ms: number;
  decode_ms: number;
  capture_ms: number;
  total_ms: number;
  decode_tokens_per_second?: number;
}

export interface RunManifest {
  id: string;
  created: string;
  version: string;
  name?: string;
  request: RunRequest;
  model: ModelIdentity;
  engine: EngineInfo;
  tokens: Token[];
  prompt_length: number;
  /** The text that was tokenized; none where ids were given. */
  prompt?: string;
  text: string;
  generation?: { text: string; finish_reason: string; seed?: number; steps: GeneratedToken[] };
  captures: CaptureEntry[];
  kv_cache: KvCacheReport;
  timings: Timings;
}

export interface RunSummary {
  id: string;
  created: string;
  name?: string;
  model: string;
  engine: string;
  precision: string;
  device: string;
  text: string;
  prompt_length: number;
  generated: number;
  captures: number;
  bytes: number;
}

export interface LensToken {
  id: number;
  text: string;
  prob: number;
}

export interface LensCell {
  pos: number;
  top: LensToken[];
  entropy: number;
  kl_to_final: number;
  final_token_rank: number;
}

export interface LensRow {
  hook: string;
  layer?: number;
  cells: LensCell[];
}

export interface Lens {
  run: string;
  rows: LensRow[];
}

export interface NormRow {
  hook: string;
  point: string;
  layer?: number;
  norms: number[];
}

export interface Norms {
  run: string;
  rows: NormRow[];
}

/** What one query reads through a head. */
export interface HeadReads {
  layer: number;
  head: number;
  /** The word further back with the largest weight. */
  key?: number;
  weight: number;
  first: number;
  previous: number;
  self: number;
  entropy: number;
}

export interface Reads {
  run: string;
  query: number;
  criterion: string;
  /** The most telling first. */
  heads: HeadReads[];
}

export interface TokenizeResult {
  model?: string;
  tokens: Token[];
  count: number;
  characters: number;
}

/** RFC 9457, with the parts that make it useful. */
export interface ProblemJson {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  what?: string;
  where?: string;
  expected?: string;
  found?: string;
  instead?: string;
}

/** What the server says while a run happens. */
export type RunEvent =
  | { event: 'queued'; data: { id: string; ahead: number } }
  | { event: 'started'; data: { id: string; tokens: Token[]; prompt_length: number } }
  | { event: 'prefilled'; data: { kv_cache: KvCacheReport; ms: number } }
  | { event: 'token'; data: GeneratedToken & { kv_cache: KvCacheReport } }
  | { event: 'done'; data: RunManifest }
  | { event: 'error'; data: ProblemJson };

/** A training run column by column; null where nothing was measured at that update. */
export interface Curve {
  model: string;
  step: number[];
  tokens: number[];
  lr: (number | null)[];
  loss: (number | null)[];
  val_loss: (number | null)[];
  grad_norm: (number | null)[];
  accuracy: (number | null)[];
  val_accuracy: (number | null)[];
}

export interface KeptState {
  slug: string;
  step: number;
  tokens?: number;
  loss?: number;
  val_loss?: number;
}

/** What the page shows and changes of a recipe; the rest goes back as it came. */
export interface TrainingRecipe {
  name: string;
  task?: string;
  steps?: number;
  learning_rate?: number;
}

export interface TrainingJob {
  id: string;
  state: 'starting' | 'running' | 'stopping' | 'stopped' | 'finished' | 'failed';
  step: number;
  steps: number;
  tokens: number;
  loss?: number;
  val_loss?: number;
  tokens_per_second?: number;
  seconds_left?: number;
  resumable: boolean;
  opens: boolean;
  folder: string;
  recipe: TrainingRecipe;
  sittings: { step: number; learner: { device: string; instructions?: 'avx2'; threads: number } }[];
  differs?: string;
  trouble?: string;
}

export interface TrainingProgress {
  row: {
    step: number;
    tokens: number;
    lr: number;
    loss: number;
    val_loss?: number;
    grad_norm: number;
    accuracy?: number;
    val_accuracy?: number;
  };
  steps: number;
  tokens_per_second: number;
  seconds_left: number;
}
