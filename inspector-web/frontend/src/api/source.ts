import type { Slice, Stretch } from './client';
import type { Tensor } from './tensor';
import type { DecoderSpec, FeedForward, KvCache, Lens, Neuron, Norms, Reads, RunManifest } from './types';

/**
 * Ask is a question to the server about a run or its model: a path under /api/v1 and what is sent, or null where nothing is
 * (GET). It always has the same answer, so it can be kept with a recording.
 */
export interface Ask<Body = object | null, Answer = unknown> {
  path: string;
  body: Body;
  /** The body says itself which models it is about. */
  whole?: boolean;
  /** Only a type: what comes back. */
  readonly answer?: Answer;
}

/** Under which name a recording keeps the answer. */
export const askKey = ({ path, body }: Ask): string => path + JSON.stringify(body);

/** What is sent: of this model, unless the body is null, or names models, a run or a request that has its own. */
export const sent = ({ body, whole }: Ask, model: string): object | null =>
  body === null || whole || 'run' in body || 'request' in body ? body : { model, ...body };

/** Source is one run's numbers, wherever they come from: the server, or a recording that came with the page. */
export interface Source {
  /** Grows when hooks are recaptured; values that it has never change. */
  readonly manifest: RunManifest;
  readonly recorded: boolean;
  /** The KV cache as it was when each token came, where that was watched; a stored run keeps only its end. */
  readonly kvSteps: KvCache[] | null;
  /** Texts of the vocabulary that came with the run, by id. */
  readonly vocabulary: string[] | null;
  /** The hooks that are being recaptured, in words, or null. */
  readonly reading: string | null;
  /**
   * Makes sure that these hooks can be read: what the run lacks is got by reading its tokens again, on the same engine
   * with the same changes.
   *
   * @param hooks names, or globs over layers: `blocks.*.attn.hook_q`
   * @param positions a slice of positions (`3:7`), when not all are wanted
   * @throws OverBudget when that is more than the page takes without asking
   */
  need(hooks: string[], positions?: string): Promise<void>;
  /** Everything that feedForward and neuron read at a position, of all layers at once. */
  needNeurons(pos: number): Promise<void>;
  /** The person said yes: from now on only the server's own budget holds. */
  allow(): void;
  /** One captured tensor or part of it; recaptured when the run lacks it. */
  capture(hook: string, slice: Slice, signal: AbortSignal): Promise<Tensor>;
  /** Every head's attention pattern in at most `size` cells per side, the largest weight in each, [layer, head, query, key]. */
  patterns(size: number, signal: AbortSignal): Promise<Tensor>;
  /** A stretch of one head's pattern, the same way, [query, key]. */
  pattern(layer: number, head: number, part: Stretch, size: number, signal: AbortSignal): Promise<Tensor>;
  /** Of all positions, or at least of one. */
  lens(signal: AbortSignal, pos?: number): Promise<Lens>;
  norms(signal: AbortSignal): Promise<Norms>;
  /** What the prompt's last token reads through every head, the most telling head first. */
  reads(signal: AbortSignal): Promise<Reads>;
  /** A layer's feed-forward part at a position, its strongest neurons first. */
  feedForward(layer: number, pos: number, signal: AbortSignal): Promise<FeedForward>;
  /** What made one neuron fire at a position, and what it writes. */
  neuron(layer: number, neuron: number, pos: number, signal: AbortSignal): Promise<Neuron>;
  /** The answer to a question about this run or its model, which the server is told. */
  ask<A>(ask: Ask<object | null, A>, signal: AbortSignal): Promise<A>;
  /** What arithmetic the run's model does. */
  spec(signal: AbortSignal): Promise<DecoderSpec>;
}

/** Positions that went through the model: the last generated token never did. */
export function positionsOf(run: RunManifest): number {
  return run.prompt_length + Math.max(0, (run.generation?.steps.length ?? 0) - 1);
}
