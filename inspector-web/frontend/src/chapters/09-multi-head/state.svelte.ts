/** Chapter 9's state: every head's pattern, scores and effect, and the one head on show. */
import { untrack } from 'svelte';
import { resource } from '../../kit/data/resource.svelte';
import { called, hasTexts, visible } from '../../kit/text/tokens';
import { headsEvidence } from '../../state/evidence';
import { headed, insteadOfHeads, noHeads, recurrent, statesOnly, withHeads } from '../../state/heads';
import { keysLayer } from '../../state/keys';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { vocabulary } from '../../state/vocabulary.svelte';
import { sizesOf, weightsNamed, whyChosen } from './model';
import { factsOf } from '../effective';
import { Stage } from '../stage.svelte';
import { circuitsOf, distinct, effectsOf, profilesOf, repeatedOf } from './asks';
import { at, effectsByHead, highest, numberOf } from './heads';
import { PARAMS } from './index';
import { rowAt } from './row';
import { telling } from './six';

const THUMBNAIL = 32;

const NEXT = 5;

export class MultiHeadState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly #look = $derived(this.stage.look);
  readonly query = $derived(Math.max(0, Math.min(this.#look.token, selection.positions - 1)));
  readonly heads = $derived(this.m?.model.n_heads ?? 1);
  readonly layers = $derived(this.m ? headed(this.m) : []);
  readonly all = $derived(this.layers.length * this.heads);
  readonly weighed = $derived(this.m ? weightsNamed(models.isExported(this.m.model.slug)) : false);

  readonly cannot = $derived(this.m ? noHeads(this.m) : null);
  readonly recurrent = $derived(this.m !== null && recurrent(this.m).length > 0);

  readonly thumbs = resource(() => {
    const from = this.source;
    return from && !this.cannot && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, tensor: await from.patterns(THUMBNAIL, signal) })
      : null;
  });
  readonly thumbnails = $derived(this.thumbs.value?.of === this.source ? this.thumbs.value.tensor : null);
  readonly #scored = resource(() => {
    const from = this.source;
    return from && this.thumbnails
      ? (signal) => untrack(() => from.ask(profilesOf(from.manifest.id), signal)).then((v) => ({ of: from, v }))
      : null;
  });
  readonly prompt = $derived(this.#scored.value?.of === this.source ? this.#scored.value.v.heads : null);
  readonly #repeated = resource(() => {
    const from = this.source;
    return from && this.thumbnails
      ? (signal) => untrack(() => from.ask(repeatedOf(), signal)).then((v) => ({ of: from, v }))
      : null;
  });
  readonly twice = $derived(this.#repeated.value?.of === this.source ? this.#repeated.value.v.heads : null);
  readonly #over = resource(() => {
    const from = this.source;
    return from && this.thumbnails && this.#look.on === 'corpus'
      ? (signal) => untrack(() => from.ask(headsEvidence(from.manifest.id), signal)).then((v) => ({ of: from, v }))
      : null;
  });
  /** What sweeps say of the heads; null until it is known, or where it is not asked for. */
  readonly evidence = $derived(this.#over.value?.of === this.source ? this.#over.value.v : null);
  readonly #taken = resource(() => {
    const [from, pos, toward] = [this.source, this.query, this.#look.toward];
    return from && !this.cannot && this.weighed && (from.recorded || models.loaded)
      ? (signal) =>
          untrack(() => from.ask(effectsOf(from.manifest.id, pos, toward), signal)).then((v) => ({ of: from, v }))
      : null;
  });
  readonly effects = $derived(this.#taken.value?.of === this.source ? this.#taken.value.v : null);
  readonly byHead = $derived(this.effects ? effectsByHead(this.effects, this.heads, this.layers) : null);
  readonly specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, spec: await from.spec(signal) })
      : null;
  });
  readonly spec = $derived(this.specs.value?.of === this.source ? (this.specs.value?.spec ?? null) : null);
  /** Of the layers that have heads, in order. */
  readonly attention = $derived(this.spec?.layers.flatMap((l) => l.attention ?? []) ?? null);

  /** The heads that are drawn large; what each adds is waited for where it will be known. */
  readonly six = $derived(
    this.prompt && (this.byHead || !this.weighed || this.#taken.problem) ? telling(this.prompt, this.byHead) : null,
  );
  /** What the chapter opens with: the head that adds most to what comes next; else the one that most clearly does one thing. */
  readonly #telling = $derived.by(() => {
    if (this.byHead) return highest(this.byHead);
    if (this.weighed && !this.#taken.problem) return null;
    return this.prompt ? highest(this.prompt.map((h) => Math.max(h.stripes.previous, h.stripes.induction ?? 0))) : null;
  });
  /** The reader's own, once there is one. */
  readonly #named = $derived(page.layer !== null || page.head !== null);
  /** A beat speaks of one head. */
  readonly #spotlit = $derived(
    !this.stage.kept && (this.#look.layer !== selection.layer || this.#look.head !== selection.head),
  );
  readonly index = $derived(
    this.#named || this.#spotlit
      ? numberOf(
          { layer: this.m ? withHeads(this.m, this.#look.layer) : this.#look.layer, head: this.#look.head },
          this.heads,
          this.layers,
        )
      : (this.#telling ?? 0),
  );
  readonly here = $derived(at(this.index, this.heads, this.layers));
  readonly own = $derived(this.spec?.layers[this.here.layer]?.attention ?? null);
  readonly instead = $derived(this.m && this.#named ? insteadOfHeads(this.m, this.#look.layer) : null);

  /** Of the layer that the address names, where it has a recurrence. */
  readonly recurrence = $derived(this.spec?.layers[this.#look.layer]?.recurrence ?? null);
  /** The reader chose a layer with a recurrence and no heads: its effective attention is shown. */
  readonly states = $derived(
    this.m !== null && !this.stage.asking && page.layer !== null && statesOnly(this.m, this.#look.layer),
  );
  /** What the chapter says of that layer; none of one with heads. */
  readonly facts = $derived(this.states && this.m ? factsOf(this.m, this.#look.layer, this.recurrence) : {});
  /** The layer and the head of that figure. */
  readonly chosen = $derived({
    shown: { layer: this.#look.layer, head: this.#look.unit },
    onshown: (to: { layer: number; head: number | null }) => this.stage.touch({ layer: to.layer, unit: to.head }),
  });
  readonly before = $derived(this.twice ? highest(this.twice.map((h) => h.stripes.previous)) : null);
  readonly follows = $derived(this.twice ? highest(this.twice.map((h) => h.stripes.induction ?? null)) : null);
  readonly spot = (i: number | null) => (i === null ? {} : at(i, this.heads, this.layers));

  readonly #rows = resource(() => {
    const [from, a, pos, { layer, head }] = [this.source, this.own, this.query, this.here];
    if (!from || !a || (this.#look.panel !== 'row' && this.#look.panel !== 'words')) return null;
    const kvHead = Math.floor((head * a.n_kv_heads) / a.n_heads);
    const want = {
      layer,
      head,
      query: pos,
      kvHead,
      rotated: a.rope != null,
      keys: keysLayer(a, layer),
    };
    return (signal) => untrack(() => rowAt(from, want, signal));
  });
  readonly row = $derived.by(() => {
    const r = this.#rows.value;
    return r && r.layer === this.here.layer && r.head === this.here.head && r.query === this.query ? r : null;
  });
  /** The pattern's own row says what is read most, also where the recording has no keys. */
  readonly #reading = resource(() => {
    const [from, { layer, head }, pos] = [this.source, this.here, this.query];
    if (!from || !this.thumbnails || this.#look.panel !== 'words') return null;
    const part = { query: [pos, pos + 1] as [number, number], key: [0, pos + 1] as [number, number] };
    return async (signal) => {
      const tile = await untrack(() => from.pattern(layer, head, part, 1024, signal));
      return { of: `${layer}.${head}.${pos}`, key: tile.data.indexOf(Math.max(...tile.data)) };
    };
  });
  readonly read = $derived(
    this.#reading.value?.of === `${this.here.layer}.${this.here.head}.${this.query}`
      ? this.#reading.value.key
      : Math.max(0, this.query - 1),
  );
  readonly #asked = resource(() => {
    const [from, { layer, head }, apart, pos] = [this.source, this.here, this.#look.apart ?? 1, this.query];
    if (!from || !this.weighed || this.#look.panel !== 'words') return null;
    return async (signal) => {
      await new Promise((done) => setTimeout(done, 120)); // a slider moves on
      signal.throwIfAborted();
      const ids = distinct(from.manifest, pos);
      return untrack(() => from.ask(circuitsOf(layer, head, apart, ids), signal));
    };
  });
  readonly circuits = $derived(
    this.#asked.value && this.#asked.value.layer === this.here.layer && this.#asked.value.head === this.here.head
      ? this.#asked.value
      : null,
  );
  readonly trouble = $derived(
    this.#look.panel === 'row'
      ? this.#rows.problem
      : this.#look.panel === 'words'
        ? this.#asked.problem
        : this.#look.panel === 'adds'
          ? this.#taken.problem
          : null,
  );

  /** The most probable next tokens, to take the logit of. */
  readonly #likely = resource(() => {
    const [from, pos] = [this.source, this.query];
    if (!from || this.#look.panel !== 'adds') return null;
    return async (signal) => {
      const { data } = await untrack(() => from.capture('logits', { pos }, signal));
      const ids = Array.from(data.keys())
        .sort((a, b) => data[b] - data[a])
        .slice(0, NEXT);
      if (hasTexts(from.manifest.tokens)) vocabulary.want(from.manifest.model.slug, ids);
      return ids;
    };
  });
  readonly next = $derived(
    (this.#likely.value ?? []).map((id) => ({
      id,
      text:
        this.m && hasTexts(this.m.tokens) ? visible(vocabulary.text(this.m.model.slug, id) ?? `⟨${id}⟩`) : `⟨${id}⟩`,
    })),
  );

  readonly word = $derived(
    this.effects ? called({ id: this.effects.id, text: this.effects.text, bytes: [1], special: false }) : '',
  );
  readonly why = $derived(
    this.#named || this.index !== this.#telling || this.#telling === null
      ? null
      : whyChosen(
          this.here,
          this.all,
          this.byHead && { word: this.word, logit: this.byHead[this.#telling], likeliest: this.#look.toward === null },
        ),
  );
  readonly sizes = $derived.by(() => {
    if (!this.m) return [];
    return sizesOf(this.m.model, this.attention ?? [], this.layers.length);
  });
}
