import { SvelteMap } from 'svelte/reactivity';
import { api } from '../api/client';

const BATCH = 512;

/** Texts of token ids, fetched from the server in batches and kept. */
class Vocabulary {
  #known = new SvelteMap<string, string>();
  #wanted = new Map<string, Set<number>>();
  #scheduled = false;

  /** The text of an id, or null while it is on its way. */
  text(model: string, id: number): string | null {
    return this.#known.get(`${model}\n${id}`) ?? null;
  }

  learn(model: string, id: number, text: string): void {
    const key = `${model}\n${id}`;
    if (!this.#known.has(key)) this.#known.set(key, text);
  }

  /** Asks for what is missing; call from an effect, not while rendering. */
  want(model: string, ids: Iterable<number>): void {
    for (const id of ids) {
      if (this.#known.has(`${model}\n${id}`)) continue;
      let set = this.#wanted.get(model);
      if (!set) this.#wanted.set(model, (set = new Set()));
      set.add(id);
    }
    if (this.#wanted.size === 0 || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => void this.#fetch());
  }

  async #fetch(): Promise<void> {
    this.#scheduled = false;
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const [model, set] of wanted) {
      const ids = [...set];
      for (let from = 0; from < ids.length; from += BATCH) {
        const batch = ids.slice(from, from + BATCH);
        try {
          for (const t of (await api.detokenize(model, batch)).tokens) this.learn(model, t.id, t.text);
        } catch {
          // No tokenizer, or no server: the ids speak for themselves.
          for (const id of batch) this.#known.set(`${model}\n${id}`, `⟨${id}⟩`);
        }
      }
    }
  }
}

export const vocabulary = new Vocabulary();
