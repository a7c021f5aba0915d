/** What the Lab asks of REST, and whether a kept analysis answers it already. Pure. */
import type { RunRequest } from '../../api/types';
import type { Analysis, AnalysisRequest } from './paired';
import type { Look, Tab } from './address';
import { formatPlaces, placesOf } from './patch/places';
import { metricOf, metricSettings } from './metric';

/** Two prompts that differ in one thing, and why they are worth comparing. */
export interface Pair {
  clean: string;
  corrupt: string;
  asks: string;
}

/** Pairs by model; the first stands there when the view is opened. */
const EXAMPLES: Record<string, Pair[]> = {
  'tales-4m': [
    {
      clean: 'Mia gave a red ball to Ben. "Thank you,',
      corrupt: 'Ben gave a red ball to Mia. "Thank you,',
      asks: 'Whom does he thank?',
    },
    {
      clean: 'Tom gave a cake to Anna. "Thank you,',
      corrupt: 'Anna gave a cake to Tom. "Thank you,',
      asks: 'Whom does she thank?',
    },
  ],
};

export const examplesOf = (slug: string | null): Pair[] => EXAMPLES[slug ?? ''] ?? [];

/** The kind of analysis of each tab. */
const KINDS: Record<Exclude<Tab, 'parts' | 'steer'>, AnalysisRequest['kind']> = {
  patch: 'patch',
  circuit: 'edges',
  restore: 'restore',
};

/** The tab that draws a kind, or null. */
export function tabOf(kind: string): Tab | null {
  if (kind === 'attribution') return 'patch';
  return (Object.keys(KINDS) as (keyof typeof KINDS)[]).find((t) => KINDS[t] === kind) ?? null;
}

export interface Asked {
  model: string;
  engine: string;
  precision: RunRequest['precision'];
  /** Whether tokens have texts. */
  texts: boolean;
  /** A prompt as a request says it: text, or ids. */
  clean: Pick<RunRequest, 'prompt' | 'tokens'>;
  corrupt: Pick<RunRequest, 'prompt' | 'tokens'>;
}

const ENGINE = 'torch';
const PRECISION = 'fp32';

/** The request of a tab, or null where it asks for no analysis; what is as the server would choose is left out. */
export function requestOf(look: Look, asked: Asked): AnalysisRequest | null {
  if (look.lab === 'parts' || look.lab === 'steer') return null;
  const kind = KINDS[look.lab];
  const { model } = asked;
  const metric = metricOf(look, asked.texts);
  if (kind === 'restore') {
    const clean = { model, engine: look.reference, ...asked.clean };
    return { kind, clean, corrupt: { engine: 'onnx', precision: look.quantized }, ...metric };
  }
  const clean = {
    model,
    ...(asked.engine === ENGINE ? {} : { engine: asked.engine }),
    ...(asked.precision === PRECISION ? {} : { precision: asked.precision }),
    ...asked.clean,
  };
  const both = { clean, corrupt: asked.corrupt, ...metric };
  if (kind === 'edges') return { kind, ...both };
  const noise = look.direction === 'noise';
  const heads = look.places === 'heads' ? { points: ['attn.hook_z'], by: 'head' as const } : {};
  // The estimate's convention is that of the direction: tl estimates denoising, eap noising.
  if (look.how === 'estimated')
    return { kind: 'attribution', ...both, ...(noise ? { convention: 'eap' } : {}), ...heads };
  return { kind, ...both, ...(noise ? { direction: 'noise' as const } : {}), ...heads };
}

/** What the server takes for what is left out. */
function defaults(kind: AnalysisRequest['kind']): Partial<AnalysisRequest> {
  return {
    direction: 'denoise',
    by: kind === 'restore' ? 'layer' : 'position',
    convention: kind === 'edges' ? 'eap_ig' : 'tl',
    steps: 5,
    measured: 10,
    keep: 200,
    signed: false,
  };
}

/** Fields that are compared in a way of their own, or not at all. */
const APART = new Set(['clean', 'corrupt', 'name']);

/** A request without what does not change its answer, so that two of them can be compared. */
function normal(request: AnalysisRequest): string {
  const { clean, corrupt = {} } = request;
  const usual = defaults(request.kind);
  const said = Object.entries(request).filter(
    ([key, value]) => !APART.has(key) && JSON.stringify(value) !== JSON.stringify(usual[key as keyof AnalysisRequest]),
  );
  const run = (r: RunRequest, of: RunRequest) => [
    r.engine ?? of.engine ?? ENGINE,
    r.precision ?? of.precision ?? PRECISION,
    r.prompt ?? r.tokens?.join(' ') ?? of.prompt ?? of.tokens?.join(' ') ?? null,
    r.precision_plan ?? of.precision_plan ?? null,
  ];
  return JSON.stringify([said.sort(), run(clean, {}), run(corrupt, clean)]);
}

/** Whether a kept analysis is the answer to a request. */
export function answers(kept: Analysis, request: AnalysisRequest): boolean {
  const elsewhere = request.corrupt?.model !== undefined && request.corrupt.model !== kept.corrupt.model;
  return kept.clean.model === request.clean.model && !elsewhere && normal(kept.request) === normal(request);
}

/** The settings that ask for a kept analysis again. */
export function settingsOf(a: Analysis): Partial<Look> {
  const { request } = a;
  const text = (r: RunRequest | undefined) => r?.prompt ?? r?.tokens?.join(' ');
  const clean = text(request.clean) ?? null;
  const quantized = request.corrupt?.precision;
  return {
    lab: tabOf(request.kind) ?? 'patch',
    clean,
    corrupt: request.kind === 'restore' ? null : (text(request.corrupt) ?? clean),
    ...metricSettings(request.metric),
    ...(request.cells && request.kind === 'patch' ? { set: formatPlaces(placesOf(request.cells)) } : {}),
    how: request.kind === 'attribution' ? 'estimated' : 'measured',
    direction:
      request.direction ?? (request.kind === 'attribution' && request.convention === 'eap' ? 'noise' : 'denoise'),
    places: request.by === 'head' ? 'heads' : 'positions',
    ...(request.kind === 'restore' ? { quantized: quantized === 'int4_32' ? 'int4_32' : 'int8' } : {}),
    ...(request.kind === 'restore' ? { reference: request.clean.engine === 'onnx' ? 'onnx' : 'torch' } : {}),
  };
}
