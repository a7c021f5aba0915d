import { api } from '../../../api/client';
import type { Direction, RunManifest, Shift } from '../../../api/types';
import { resource } from '../../../kit/data/resource.svelte';
import { models } from '../../../state/models.svelte';
import { prompt } from '../../../state/prompt.svelte';
import { madeRun } from '../../../state/runs.svelte';
import { look, set } from '../address';
import * as s from './steer';

/** A slider at rest this long makes its run. */
const SETTLE_MS = 250;
const LAYERS_BELOW = 3;

/** Both continuations, and how far apart their next tokens are. */
export interface Steered {
  without: RunManifest;
  steered: RunManifest;
  shift: Shift;
}

/** The texts, the direction that they make, and the prompt answered with it and without. */
export class Steering {
  /** The texts while they are typed. */
  typed = $state.raw<{ toward: string; away: string; said: string } | null>(null);

  readonly example = $derived(s.exampleOf(models.slug, models.hasTokenizer));
  readonly kept = $derived({
    toward: look().toward ?? this.example.toward,
    away: look().away ?? this.example.away,
    said: look().said ?? this.example.said,
  });
  readonly texts = $derived(this.typed ?? this.kept);
  readonly edited = $derived(JSON.stringify(this.texts) !== JSON.stringify(this.kept));
  readonly wrong = $derived(s.wrongOf(this.texts.toward, this.texts.away, this.texts.said, models.hasTokenizer));
  readonly layers = $derived(models.details?.spec.layers.length ?? null);
  readonly layer = $derived(
    this.layers === null ? 0 : Math.min(look().after ?? Math.floor(this.layers / LAYERS_BELOW), this.layers - 1),
  );
  readonly op = $derived(look().op);
  /** The prompt is put as a turn of a conversation. */
  readonly chat = $derived(prompt.hasTemplate && !look().textual);
  readonly #where = $derived({
    model: models.slug ?? '',
    engine: models.engine,
    precision: models.precision,
    hasTokenizer: models.hasTokenizer,
  });
  readonly asked = $derived(
    models.loaded &&
      models.slug &&
      models.details &&
      !models.missing &&
      s.wrongOf(this.kept.toward, this.kept.away, this.kept.said, models.hasTokenizer) === null
      ? s.directionRequest(this.#where, this.kept.toward, this.kept.away, this.layer)
      : null,
  );
  readonly #key = $derived(JSON.stringify(this.asked));
  readonly direction = resource<Direction>(() => {
    const key = this.#key;
    return key === 'null' ? null : (signal) => api.direction(JSON.parse(key), signal);
  });
  readonly range = $derived(s.rangeOf(this.op, this.direction.last));
  readonly by = $derived(look().by ?? s.standard(this.op, this.example, this.range));

  readonly answer = resource<Steered>(() => {
    const [d, op, by] = [this.direction.value, this.op, this.by];
    const [where, said, chat, chosen] = [this.#where, this.kept.said, this.chat, look().by !== null];
    if (!d || this.asked === null) return null;
    return async (signal) => {
      if (chosen) await new Promise((later) => setTimeout(later, SETTLE_MS));
      signal.throwIfAborted();
      const without = await madeRun(s.runRequest(where, said, chat, []));
      signal.throwIfAborted();
      const steered = await madeRun(s.runRequest(where, said, chat, [s.changeOf(d, op, by)]));
      const pos = without.manifest.prompt_length - 1;
      for (const { manifest } of [without, steered]) {
        signal.throwIfAborted();
        await api.recapture(manifest.id, { capture: ['logits'], positions: String(pos) });
      }
      const shift = await api.shift({ run: without.manifest.id, after: steered.manifest.id, pos }, signal);
      return { without: without.manifest, steered: steered.manifest, shift };
    };
  });

  type(change: Partial<s.Example>): void {
    this.typed = { ...this.texts, ...change };
  }

  commit(): void {
    const typed = this.typed;
    this.typed = null;
    if (typed) set(typed);
  }
}
