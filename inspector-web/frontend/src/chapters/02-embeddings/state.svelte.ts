/** Chapter 2's state: the prompt's rows of the embedding, the pairs most alike, and the row on show. */
import { untrack } from 'svelte';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { sizesOf, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import { isWord, repeated } from './asks';
import { PARAMS } from './index';
import { nearest, pairs as pairsOf, worthAsking } from './rows';

/** Tokens whose rows are compared: for more, comparing all pairs takes longer than a moment. */
const HELD = 400;

export class EmbeddingsState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly tokens = $derived(this.m ? this.m.tokens.slice(0, Math.min(this.m.prompt_length, HELD)) : []);
  readonly live = $derived(
    models.loaded &&
      !this.source?.recorded &&
      models.list.some((s) => s.slug === this.m?.model.slug && s.has_tokenizer),
  );

  readonly specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, spec: await from.spec(signal) })
      : null;
  });
  readonly spec = $derived(this.specs.value?.of === this.source ? this.specs.value?.spec : null);

  readonly fetched = resource(() => {
    const [from, to] = [this.source, this.tokens.length];
    if (!from || to === 0) return null;
    return (signal) =>
      untrack(async () => {
        await from.need(['hook_embed']);
        return { of: from, rows: (await from.capture('hook_embed', { pos: `0:${to}` }, signal)).data };
      });
  });
  readonly rows = $derived(this.fetched.value?.of === this.source ? this.fetched.value!.rows : null);
  readonly pairs = $derived(this.rows && this.m ? pairsOf(this.rows, this.m.model.d_model, this.tokens, isWord) : []);
  readonly best = $derived(this.pairs.find((p) => !p.same) ?? null);
  /** One word in two forms, where their rows are more alike than the best pair's. */
  readonly #forms = $derived(this.pairs[0]?.same ? this.pairs[0] : null);
  readonly asked = $derived(this.best ? worthAsking(this.pairs, [this.best.a, this.best.b]) : null);
  readonly at = $derived(
    Math.max(0, Math.min(this.stage.look.shown ?? this.best?.a ?? this.tokens.length - 1, this.tokens.length - 1)),
  );
  /** The position whose row stands beside it: the other one of the best pair, else the most alike of the text. */
  readonly beside = $derived(
    this.best && this.at === this.best.a ? this.best.b : (nearest(this.pairs, this.at)?.at ?? null),
  );
  readonly why = $derived(
    this.best && this.stage.look.shown === null
      ? whyChosen(
          this.tokens[this.best.a],
          this.tokens[this.best.b],
          this.#forms && {
            a: this.tokens[this.#forms.a],
            b: this.tokens[this.#forms.b],
            cosine: this.#forms.cosine,
          },
        )
      : null,
  );
  readonly repeat = $derived(this.m ? (repeated(this.m)[0] ?? null) : null);
  readonly sizes = $derived(this.m ? sizesOf(this.m.model.vocab, this.m.model.d_model, this.spec ?? null) : []);
}
