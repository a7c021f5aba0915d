import { SvelteMap } from 'svelte/reactivity';
import type { Source } from '../../api/source';
import { Problem, isAbort } from '../../api/problem';
import type { Continuations, Token } from '../../api/types';
import { ALL_BITS, schemeName, writes, type How } from './asks';

/** One text that the model wrote. */
export type Continuation = Continuations['continuations'][number];

/** Index of the first token at which two texts differ; null where they are equal. */
export function parting(a: Token[], b: Token[]): number | null {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i].id !== b[i].id) return i;
  return a.length === b.length ? null : n;
}

/**
 * The most bits at which the quantized model writes another text than the original weights; undefined while a text
 * that decides it is missing, null where all texts are equal.
 */
export function firstChange(
  asItIs: Token[] | null,
  at: (bits: number) => Token[] | null,
  bits: number[] = ALL_BITS,
): number | null | undefined {
  if (!asItIs) return undefined;
  for (const b of bits) {
    const text = at(b);
    if (!text) return undefined;
    if (parting(asItIs, text) !== null) return b;
  }
  return null;
}

/** Texts that the model writes under each scheme: each fetched once, one after another, the latest request first. */
export class Written {
  readonly #texts = new SvelteMap<string, Continuation>();
  #source: Source | null = null;
  #wishes: (string | null)[] = [];
  #controller: AbortController | null = null;
  /** The scheme whose text is being fetched. */
  pending = $state<string | null | undefined>(undefined);
  problem = $state.raw<Problem | null>(null);

  /** Starts over for another run. */
  of(source: Source): void {
    if (this.#source === source) return;
    this.#controller?.abort();
    this.#controller = null;
    this.#source = source;
    this.#texts.clear();
    this.#wishes = [];
    this.problem = null;
    this.pending = undefined;
  }

  get(scheme: string | null): Continuation | null {
    return this.#texts.get(scheme ?? '') ?? null;
  }

  at(how: How): Continuation | null {
    return this.get(schemeName(how));
  }

  /** @param first before all that is still wanted */
  want(schemes: (string | null)[], first = false): void {
    const missing = schemes.filter((s) => !this.get(s) && this.pending !== s && (first || !this.#wishes.includes(s)));
    if (missing.length === 0) return;
    this.#wishes = first
      ? [...missing, ...this.#wishes.filter((s) => !missing.includes(s))]
      : [...this.#wishes, ...missing];
    if (!this.#controller) void this.#work();
  }

  /** Nothing but this is wanted any more. */
  only(schemes: (string | null)[]): void {
    this.#wishes = [];
    this.want(schemes);
  }

  async #work(): Promise<void> {
    const [source, controller] = [this.#source, new AbortController()];
    if (!source) return;
    this.#controller = controller;
    while (this.#wishes.length > 0 && !controller.signal.aborted) {
      const scheme = this.#wishes.shift() ?? null;
      this.pending = scheme;
      try {
        const { continuations } = await source.ask(writes(source.manifest, scheme), controller.signal);
        if (controller.signal.aborted) return;
        this.#texts.set(scheme ?? '', continuations[0]);
        this.problem = null;
      } catch (error) {
        if (controller.signal.aborted || isAbort(error)) return;
        this.problem = Problem.of(error);
        this.#wishes = [];
      }
    }
    this.pending = undefined;
    this.#controller = null;
  }
}
