/** Chapter 8's state: the head and the query on show, what they read, and the token that the guess is about. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import type { HeadReads } from '../../api/types';
import { rowOf } from '../../kit/data/products';
import { resource } from '../../kit/data/resource.svelte';
import { headCount, headed, insteadOfHeads, noHeads, recurrent, statesOnly, withHeads } from '../../state/heads';
import { keysLayer } from '../../state/keys';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { besideSaid, sizesOf, whyChosen } from './model';
import { factsOf } from '../effective';
import { Stage } from '../stage.svelte';
import { fetchHead } from './head';
import { PARAMS } from './index';
import { heaviest, sinkShare, type Rules } from './reading';

async function another(from: Source, telling: HeadReads, last: number, signal: AbortSignal) {
  const hook = `blocks.${telling.layer}.attn.hook_pattern`;
  const first = Math.max(3, last - 24);
  const query = `${first}:${last + 1}`;
  await from.need([hook], query);
  const rows = await from.capture(hook, { head: telling.head, query }, signal);
  return { of: from, ...farReader(rows.data, rows.shape[3], first, last) };
}

/** The query before the last whose heaviest key lies farthest from habit, and that key. */
function farReader(rows: Float32Array, keys: number, first: number, last: number) {
  let found: { query: number; key: number; weight: number; weights: Float32Array } | null = null;
  for (let q = first; q < last; q++) {
    const weights = rowOf(rows, keys, q - first);
    const key = heaviest(weights, q, 1)[0];
    const far = key > 0 && key < q - 1;
    if (far && (!found || weights[key] > found.weight)) found = { query: q, key, weight: weights[key], weights };
  }
  if (found) return found;
  const weights = rowOf(rows, keys, last - 1 - first);
  const key = heaviest(weights, last - 1, 1)[0];
  return { query: last - 1, key, weight: weights[key], weights };
}

export class AttentionQkvState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly look = $derived(this.stage.look);
  readonly cannot = $derived(this.m ? noHeads(this.m) : null);
  readonly beside = $derived(besideSaid(this.m ? headCount(this.m) : null));
  readonly recurrent = $derived(this.m !== null && recurrent(this.m).length > 0);
  /** The reader chose a layer with a recurrence and no heads: its effective attention is shown. */
  readonly states = $derived(
    this.m !== null && !this.stage.asking && page.layer !== null && statesOnly(this.m, this.look.layer),
  );
  /** The layer and the head of that figure. */
  readonly chosen = $derived({
    shown: { layer: this.look.layer, head: this.look.unit },
    onshown: (to: { layer: number; head: number | null }) => this.stage.touch({ layer: to.layer, unit: to.head }),
  });
  readonly query = $derived(Math.max(0, Math.min(this.look.token, selection.positions - 1)));

  readonly specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, spec: await from.spec(signal) })
      : null;
  });
  readonly #spec = $derived(this.specs.value?.of === this.source ? this.specs.value?.spec : null);
  /** The chosen layer, or where that has no heads, one that has. */
  readonly layer = $derived(this.m ? withHeads(this.m, this.look.layer) : this.look.layer);
  readonly attention = $derived(this.#spec?.layers[this.layer]?.attention ?? null);
  readonly rules = $derived<Rules | null>(
    this.attention && {
      scale: this.attention.scale,
      softcap: this.attention.score_softcap ?? null,
      window: this.attention.window ?? null,
      sinks: this.attention.sinks ?? false,
    },
  );

  /** What a layer without heads does instead; null for one with heads. */
  readonly instead = $derived(this.m ? insteadOfHeads(this.m, this.look.layer) : null);
  readonly recurrence = $derived(this.#spec?.layers[this.look.layer]?.recurrence ?? null);
  /** What the chapter says of the recurrent layer on show; none of one with heads. */
  readonly facts = $derived(this.states && this.m ? factsOf(this.m, this.look.layer, this.recurrence) : {});

  /** What the run’s last prompt token reads through every head, the most telling first. */
  readonly reads = resource(() => {
    const from = this.source;
    return from && !this.cannot ? (signal) => untrack(() => from.reads(signal)) : null;
  });
  readonly #mine = $derived(this.reads.value && this.reads.value.run === this.m?.id ? this.reads.value : null);
  readonly best = $derived<HeadReads | null>(this.#mine?.heads[0] ?? null);
  /** The head that reads the first token most, and how much that is. */
  readonly resting = $derived.by(() => {
    const heads = this.#mine?.heads;
    return heads?.length ? heads.reduce((a, b) => (b.first > a.first ? b : a)) : null;
  });

  /** Whether positions are vectors that are added before the first layer. */
  readonly learned = $derived(this.#spec?.learned_positions ?? false);

  readonly #ready = $derived(
    this.source !== null && this.rules !== null && (this.best !== null || this.reads.problem !== null),
  );
  /** A recording may be without it. */
  readonly #hasResult = (hook: string) =>
    this.m !== null &&
    models.hidden(this.m.model.slug, hook) === undefined &&
    (!this.source?.recorded || this.m.captures.some((c) => c.hook === hook));
  readonly read = resource(() => {
    const from = this.source;
    const of = {
      layer: this.layer,
      head: this.look.head,
      query: this.query,
      positions: selection.positions,
      rotated: this.attention?.rope != null,
      keys: keysLayer(this.attention, this.layer),
      kvHeads: this.attention?.n_kv_heads ?? 1,
      // As wide as the stream, a head: fetched where it is drawn.
      result: this.look.step === 'mix' && this.#hasResult(`blocks.${this.layer}.attn.hook_result`),
    };
    if (!from || !this.#ready) return null;
    return (signal) => untrack(async () => ({ from, head: await fetchHead(from, of, signal) }));
  });
  /** Of the run on show: while another head's comes the last stays, and the figure is marked as stale. */
  readonly head = $derived(this.read.last?.from === this.source ? this.read.last.head : null);

  /** Another token that the shown head reads far back from: what the guess is about. */
  readonly #asked = resource(() => {
    const [from, telling] = [this.source, this.best];
    const last = selection.promptLength - 1;
    if (!from || !telling || last < 4) return null;
    return (signal) => untrack(() => another(from, telling, last, signal));
  });

  readonly guess = $derived(this.#asked.value?.of === this.source ? this.#asked.value : null);

  readonly why = $derived(
    !this.stage.kept && this.best && this.layer === this.best.layer && this.look.head === this.best.head
      ? whyChosen(this.best, this.m ? headCount(this.m) : 0)
      : null,
  );
  readonly top = $derived.by(() => {
    const h = this.head;
    if (!h) return null;
    const [key, next] = heaviest(h.weights, h.query, 2);
    const sink = sinkShare(h.weights.subarray(0, h.query + 1));
    return { key, next: next ?? null, weights: h.weights, scores: h.scores, sink };
  });
  readonly sizes = $derived(
    this.m ? sizesOf(this.m.model, headed(this.m).length, this.rules, this.attention, this.learned) : [],
  );
}
