import { api } from '../api/client';
import { Problem, isAbort } from '../api/problem';
import type { RunRequest } from '../api/types';
import { parseIds } from '../kit/text/tokens';
import { models } from './models.svelte';
import { page } from './page.svelte';
import { scene } from './scene.svelte';

const DEBOUNCE_MS = 220;
const PLAIN = 'Once upon a time, there was a little girl named';
/** Ids for a model without a tokenizer: few, and repeated, so that a head that copies has something to copy. */
const IDS = '5 1 7 2 9 5 1 7 2';

/** The prompt in the bar, as text or as ids, and its number of tokens. */
class Prompt {
  count = $state<number | null>(null);
  problem = $state.raw<Problem | null>(null);
  #sequence = 0;

  /** What stands in the bar until something else is typed: the view's first example, which its recording shows. */
  readonly example: string = $derived(models.hasTokenizer ? (scene.now?.examples[0]?.prompt ?? PLAIN) : exampleIds());
  readonly text: string = $derived(page.prompt ?? this.example);
  readonly parsed = $derived(models.hasTokenizer ? null : parseIds(this.text, models.details?.spec.vocab));
  /** What keeps it from running, in words, or null. */
  readonly wrong: string | null = $derived.by(() => {
    if (this.parsed?.wrong) return this.parsed.wrong;
    if (this.text.trim() === '' && !models.hasTokenizer) return 'type one token id or more';
    if (this.text === '') return 'type a prompt';
    return null;
  });
  /** The chosen model is a base model: its prompts are plain text, even where its tokenizer has a chat template. */
  readonly #continues: boolean = $derived(models.details?.task === 'pretrain');
  /** The chosen model answers turns, and has a template that writes one. */
  readonly hasTemplate: boolean = $derived((models.details?.tokenizer?.chat_template ?? false) && !this.#continues);
  /** The prompt is put as a turn: the default where there is a template. */
  readonly asTurn: boolean = $derived(this.hasTemplate && !page.plain);
  /** What a request says: ids, a turn, or a text. */
  readonly said: Pick<RunRequest, 'tokens' | 'messages' | 'prompt'> = $derived.by(() => {
    if (this.parsed) return { tokens: this.parsed.ids };
    return this.asTurn ? { messages: [{ role: 'user', content: this.text }] } : { prompt: this.text };
  });
  readonly context: number | null = $derived(models.details?.spec.max_context ?? null);
  readonly tokens: number | null = $derived(this.parsed ? this.parsed.ids.length : this.count);
  /** The text's tokens were counted, or cannot be. */
  readonly counted: boolean = $derived(this.tokens !== null || this.problem !== null);
  /** New tokens end with the context; the prompt must fit. */
  readonly tooLong: boolean = $derived(this.tokens !== null && this.context !== null && this.tokens > this.context);

  /** Counts the tokens as the text changes; call once, from a component. */
  watch(): void {
    $effect(() => {
      const text = this.text;
      const slug = models.slug;
      this.problem = null;
      if (!slug || !models.loaded || !models.known || models.missing || !models.hasTokenizer) return;
      const mine = ++this.#sequence;
      const controller = new AbortController();
      const timer = setTimeout(async () => {
        try {
          const result = await api.tokenize(slug, text, controller.signal);
          if (mine === this.#sequence) {
            this.count = result.count;
          }
        } catch (error) {
          if (!isAbort(error) && mine === this.#sequence) {
            this.count = null;
            this.problem = Problem.of(error);
          }
        }
      }, DEBOUNCE_MS);
      return () => {
        clearTimeout(timer);
        controller.abort();
      };
    });
  }
}

/** Ids that the chosen model has, as many as leave room for one more. */
function exampleIds(): string {
  const { vocab = Infinity, max_context: context = Infinity } = models.details?.spec ?? {};
  return IDS.split(' ')
    .slice(0, Math.max(1, context - 1))
    .map((id) => Number(id) % vocab)
    .join(' ');
}

export const prompt = new Prompt();
