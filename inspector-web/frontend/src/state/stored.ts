import type { GenerateOptions, RunManifest } from '../api/types';
import { hasTexts } from '../kit/text/tokens';
import { DEFAULTS, type GenerationSettings, type PageState } from './url';

/** The settings in the bar from which a run is made. */
export type Bar = Pick<PageState, 'model' | 'engine' | 'precision' | 'prompt' | 'plain' | 'generation'>;

/** A bar that says nothing: a stored run that is opened then puts its own settings there. */
export const UNSAID: Bar = {
  model: null,
  engine: null,
  precision: null,
  prompt: null,
  plain: false,
  generation: DEFAULTS.generation,
};

/** The bar as it was for a stored run. */
export function barOf(run: RunManifest): Bar {
  return {
    model: run.model.slug,
    engine: run.engine.name,
    precision: run.engine.precision,
    prompt: askedOf(run) ?? run.prompt ?? promptOf(run),
    plain: askedOf(run) === null,
    generation: settingsOf(run.request.generate),
  };
}

/** The one turn that a chat model was asked; null where the run read a plain text. */
export function askedOf({ request }: Pick<RunManifest, 'request'>): string | null {
  const turns = request.messages ?? [];
  return turns.length === 1 && turns[0].role === 'user' ? turns[0].content : null;
}

/** A prompt that was given as ids: their text, or the ids themselves where the model has no texts. */
function promptOf(run: RunManifest): string {
  const ids = run.tokens.slice(0, run.prompt_length);
  if (!hasTexts(ids)) return ids.map((t) => t.id).join(' ');
  return run.text.slice(0, run.text.length - (run.generation?.text.length ?? 0));
}

/** With the server's own defaults where the request left something open. */
function settingsOf(options: GenerateOptions | undefined): GenerationSettings {
  const d = DEFAULTS.generation;
  if (!options) return { ...d, maxNewTokens: 0 };
  const samples = [options.temperature, options.top_k, options.top_p, options.min_p, options.seed].some((v) => v);
  return {
    maxNewTokens: options.max_new_tokens ?? 20,
    greedy: options.greedy ?? !samples,
    temperature: options.temperature || d.temperature,
    topK: options.top_k ?? d.topK,
    topP: options.top_p ?? d.topP,
    minP: options.min_p ?? d.minP,
    seed: options.seed ?? d.seed,
  };
}
