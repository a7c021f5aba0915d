/** Chapter 1's state: the text on show and its tokens, as the server or the recording cuts it. */
import { api } from '../../api/client';
import { resource } from '../../kit/data/resource.svelte';
import { tokensOf } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { barOf } from '../../state/stored';
import { sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { characters, mostCut, utf8, words as wordsOf } from './cut';
import { PARAMS } from './index';

/** Characters of a text that the address still takes. */
const IN_ADDRESS = 1500;

export class TokenizationState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly #m = $derived(this.source?.manifest ?? null);
  readonly #slug = $derived(this.#m?.model.slug ?? null);
  /** The server can cut more than the recording holds. */
  readonly live = $derived(
    models.loaded && models.list.some((s) => s.slug === this.#slug && s.has_tokenizer && !s.trouble),
  );
  readonly none = $derived(
    models.loaded && models.list.some((s) => s.slug === this.#slug && !s.has_tokenizer) && !this.source?.recorded,
  );
  readonly #said = $derived(this.#m ? (barOf(this.#m).prompt ?? '') : '');
  /** A text of the reader's that is too long for an address. */
  #long = $state.raw<string | null>(null);
  readonly own = $derived(this.#long ?? this.stage.look.own);
  readonly text = $derived(this.own ?? this.#said);

  /** Shows a text of the reader's; null shows the run's prompt again. */
  readonly write = (given: string | null) => {
    this.#long = given !== null && given.length > IN_ADDRESS ? given : null;
    this.stage.touch({ own: this.#long === null ? given : null, piece: null, merge: null });
  };

  readonly cut = resource(() => {
    const [model, of] = [this.#slug, this.text];
    return this.live && model
      ? async (signal) => ({
          of,
          model,
          tokens: tokensOf((await api.tokenizations({ text: of, with: [{ model }] }, signal)).tokenizations[0]),
        })
      : null;
  });
  readonly tokens = $derived.by(() => {
    if (this.cut.value && this.cut.value.of === this.text && this.cut.value.model === this.#slug)
      return this.cut.value.tokens;
    if (!this.#m || this.live || this.text !== this.#said) return this.cut.value?.tokens ?? null;
    return this.#m.tokens.slice(0, this.#m.prompt_length);
  });
  readonly spoken = $derived(this.tokens ? wordsOf(this.text, this.tokens) : []);
  readonly most = $derived(mostCut(this.spoken));
  readonly pieces = (word: number) => {
    const tokens = this.tokens;
    return tokens ? this.spoken[word].tokens.map((t) => tokens[t].text) : [];
  };

  readonly #specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded) ? (signal) => from.spec(signal) : null;
  });
  readonly vocabulary = $derived(this.#m?.model.vocab ?? null);
  readonly context = $derived(this.#specs.value?.max_context ?? null);
  readonly points = $derived(characters(this.text));
  readonly size = $derived(utf8(this.text));
  /** Tokens that begin with a space and have more than it. */
  readonly carrying = $derived(this.tokens?.filter((t) => /^ \S/.test(t.text)).length ?? 0);
  readonly sizes = $derived(this.#m ? sizesOf(this.#m.model.vocab, this.#m.model.d_model, this.context) : []);
}
