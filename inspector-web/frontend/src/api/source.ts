import type { Slice } from './client';
import type { Tensor } from './tensor';
import type { KvCacheReport, Lens, Norms, RunManifest, Token } from './types';

/** Source is one run's numbers, wherever they come from: the server, or the recording that came with the page. */
export interface Source {
  readonly manifest: RunManifest;
  readonly recorded: boolean;
  /** The KV cache as it was when each token came, where that was watched; a stored run keeps only its end. */
  readonly kvSteps: KvCacheReport[] | null;
  /** Texts of the vocabulary that came with the run, by id. */
  readonly vocabulary: Token[] | null;
  capture(hook: string, slice: Slice, signal: AbortSignal): Promise<Tensor>;
  lens(signal: AbortSignal): Promise<Lens>;
  norms(signal: AbortSignal): Promise<Norms>;
}
