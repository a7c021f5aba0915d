/** Chapter 5's state: the logits of the position on show, as a distribution and as a ranking. */
import { byRank, softmax } from '../../kit/data/math/distribution';
import { resource } from '../../kit/data/resource.svelte';
import { hasTexts, visible } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { vocabulary } from '../../state/vocabulary.svelte';
import { sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { PARAMS } from './index';
import { gainer } from './steps';

/** The temperature that the guess is about. */
const HOT = 2;

/** Candidates that the question is about. */
const AMONG = 8;

export class LogitsSamplingState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly pos = $derived(Math.max(0, Math.min(this.stage.look.token, selection.positions - 1)));

  readonly capture = resource(() => {
    const [from, at] = [this.source, this.pos];
    return from && selection.positions > 0
      ? async (signal) => ({ from, at, data: (await from.capture('logits', { pos: at }, signal)).data })
      : null;
  });
  readonly logits = $derived(
    this.capture.value?.from === this.source && this.capture.value.at === this.pos ? this.capture.value.data : null,
  );
  readonly model = $derived(this.logits ? softmax(this.logits) : null);
  readonly ranking = $derived(this.logits ? byRank(this.logits) : null);
  readonly right = $derived(
    this.logits && this.ranking ? gainer(this.logits, this.ranking.subarray(0, AMONG), HOT) : null,
  );
  readonly hot = $derived(this.logits ? softmax(this.logits, HOT) : null);
  readonly #textual = $derived(hasTexts(this.tokens));
  readonly name = (id: number) =>
    !this.m || !this.#textual ? `⟨${id}⟩` : `“${visible(vocabulary.text(this.m.model.slug, id) ?? `⟨${id}⟩`)}”`;

  readonly #specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded) ? (signal) => from.spec(signal) : null;
  });
  readonly sizes = $derived(this.m ? sizesOf(this.m.model.vocab, this.m.model.d_model, this.#specs.value) : []);
}
