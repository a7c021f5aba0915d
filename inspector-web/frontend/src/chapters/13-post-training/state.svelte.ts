/** Chapter 13's state: three models of one family, what each writes, where they part, and what they learn from. */
import { api } from '../../api/client';
import { isAbort } from '../../api/problem';
import type { Source } from '../../api/source';
import type { Continuations, Token } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { cannotShow, sizesOf } from './model';
import { Stage } from '../stage.svelte';
import {
  answerOdds,
  curveOf,
  distances,
  drawn,
  lessonOf,
  oddsAt,
  pairNumber,
  saidOf,
  sayingOf,
  SHIPPED,
  trained,
  written,
  type Taught,
} from './asks';
import { PARAMS, record } from './index';
import {
  apart,
  distinct,
  furthest,
  oddsOf,
  parting,
  perToken,
  sisters,
  trainedOf,
  trioOf,
  type Odds,
  type Saying,
  type Trained,
  type Trio,
} from './trio';

export class PostTrainingState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly #m = $derived(this.source?.manifest ?? null);
  readonly look = $derived(this.stage.look);
  readonly said = $derived(this.#m ? saidOf(this.#m) : '');
  readonly #panel = $derived(this.stage.asking ? 'mask' : this.look.panel);

  // Which three.
  readonly #family = resource(() => {
    const [of, list] = [this.source, models.list];
    if (!of || of.recorded || !models.loaded) return null;
    const slugs = sisters(of.manifest.model, list);
    return async (signal) => {
      const details = await Promise.all(slugs.map((slug) => api.model(slug, signal)));
      return { of, trio: trioOf(of.manifest.model.slug, details) };
    };
  });
  readonly #kin = $derived(
    this.source?.recorded ? SHIPPED : this.#family.value?.of === this.source ? this.#family.value.trio : undefined,
  );
  readonly trio = $derived.by<Trio | null>(() => {
    const chosen = [this.look.base, this.look.instruct, this.look.preferred].map(
      (slug, i) => slug ?? this.#kin?.[i] ?? null,
    );
    return chosen.every((slug) => slug !== null) ? (chosen as Trio) : null;
  });
  readonly cannot = $derived(
    this.#m ? cannotShow(models.isExported(this.#m.model.slug), this.#kin !== null || this.trio !== null) : null,
  );
  readonly able = $derived(models.list.find((s) => SHIPPED.includes(s.slug) && !s.trouble)?.slug);
  readonly #key = $derived(this.trio && this.source ? `${this.source.manifest.id} ${this.trio.join(' ')}` : null);

  /** What belongs to the models and the run on show. */
  #latest<V>(of: { value: { key: string; is: V } | null }): V | null {
    return of.value !== null && of.value.key === this.#key ? of.value.is : null;
  }
  #asking<V>(wanted: boolean, what: (from: Source, trio: Trio, signal: AbortSignal) => Promise<V>) {
    const [from, of, k] = [this.source, this.trio, this.#key];
    if (!wanted || !from || !of || k === null) return null;
    return async (signal: AbortSignal) => ({ key: k, is: await what(from, of, signal) });
  }

  readonly #texts = resource(() =>
    this.#asking(true, (from, of, signal) => Promise.all(of.map((slug) => from.ask(written(slug, this.said), signal)))),
  );
  readonly #all = $derived(this.#latest<Continuations[]>(this.#texts));
  readonly #answers = $derived(this.#all?.map((t) => t.continuations[0]) ?? null);
  readonly tokens = $derived<Token[][] | null>(this.#answers?.map((a) => a.tokens) ?? null);
  readonly #partings = $derived<(number | null)[] | null>(
    this.tokens ? [parting(this.tokens[0], this.tokens[1]), parting(this.tokens[1], this.tokens[2])] : null,
  );
  /** The last two, if they part at all: that is what the chapter ends with. */
  readonly pair = $derived<0 | 1>(
    this.look.part === 'answer'
      ? 0
      : this.look.part === 'which'
        ? 1
        : this.#partings && this.#partings[1] === null
          ? 0
          : 1,
  );
  readonly parted = $derived(this.#partings?.[this.pair] ?? null);

  readonly #odds = resource(() => {
    const [have, at, two, position] = [this.tokens, this.parted, this.pair, this.#all?.[0].position ?? 0];
    if (!have || at === null) return null;
    const [a, b] = [have[two], have[two + 1]];
    const next = (b[at] ?? a[at]).id;
    return this.#asking(this.#panel === 'three', async (from, of, signal) => {
      const answers = await Promise.all(
        of.map((slug) => from.ask(oddsAt(slug, this.said, position, b.slice(0, at), next), signal)),
      );
      return {
        two,
        odds: oddsOf(answers),
        least: answers.map((x) => x.tokens.at(-1)?.alternatives.at(-1)?.prob ?? 0),
      };
    });
  });
  readonly #found = $derived(this.#latest<{ two: 0 | 1; odds: Odds[]; least: number[] }>(this.#odds));
  readonly here = $derived(this.#found?.two === this.pair ? this.#found : null);

  // How they came to be, and how likely each finds the last one's answer. A model from elsewhere has no curve.
  readonly #curves = resource(() =>
    this.#asking(this.#panel === 'three', (from, of, signal) =>
      Promise.all(
        of.map((slug) =>
          from.ask(curveOf(slug), signal).then(trainedOf, (e: unknown) => {
            if (isAbort(e)) throw e;
            return null;
          }),
        ),
      ),
    ),
  );
  readonly trained = $derived<(Trained | null)[]>(this.#latest(this.#curves) ?? [null, null, null]);
  readonly #likely = resource(() => {
    const [answers, position] = [this.tokens, this.#all?.[0].position ?? 0];
    if (!answers) return null;
    return this.#asking(this.#panel === 'three', (from, of, signal) =>
      Promise.all(
        of.map(async (slug, i): Promise<Saying> => {
          const [own, should] = await Promise.all(
            [answers[i], answers[2]].map((a) => from.ask(sayingOf(slug, this.said, position, a), signal)),
          );
          return { own: perToken(own), should: perToken(should) };
        }),
      ),
    );
  });
  readonly saying = $derived(this.#latest<Saying[]>(this.#likely));

  readonly #inside = resource(() =>
    this.#asking(this.#panel === 'inside', async (from, [a, b, c], signal) => [
      await from.ask(distances(a, b, this.said), signal),
      await from.ask(distances(b, c, this.said), signal),
    ]),
  );
  readonly lay = $derived.by<[number[][], number[][]] | null>(() => {
    const both = this.#latest(this.#inside);
    return both ? [apart(both[0], this.look.value), apart(both[1], this.look.value)] : null;
  });
  readonly #positions = $derived(this.lay?.[0][0]?.length ?? 0);
  readonly at = $derived(Math.min(this.look.at ?? this.#positions - 1, Math.max(0, this.#positions - 1)));

  readonly #own = resource(() => {
    const answer = this.#answers?.[1].text;
    return answer === undefined
      ? null
      : this.#asking(true, (from, of, signal) =>
          from.ask(lessonOf(of[1], this.said, answer), signal).then((l) => l.lessons[0]),
        );
  });
  readonly lesson = $derived(this.#latest<Taught>(this.#own));
  readonly #real = resource(() => {
    const number = this.look.conversation;
    return number === null
      ? null
      : this.#asking(this.#panel === 'mask', (from, of, signal) =>
          from.ask(trained(of[1], number), signal).then((l) => ({ number, taught: l.lessons[0] })),
        );
  });
  readonly #conversation = $derived(this.#latest<{ number: number; taught: Taught }>(this.#real));
  readonly taught = $derived(
    this.stage.asking || this.look.conversation === null
      ? this.lesson
      : this.#conversation?.number === this.look.conversation
        ? this.#conversation.taught
        : null,
  );
  readonly right = $derived(this.lesson ? this.lesson.lesson.counts.indexOf(true) : null);

  readonly #example = resource(() => {
    const number = this.look.example ?? 0;
    return this.#asking(this.#panel === 'pair', async (from, of, signal) => {
      const { lessons } = await from.ask(pairNumber(of[1], number), signal);
      const logprobs = await Promise.all(
        lessons.map(async (l) => {
          const both = await Promise.all([of[1], of[2]].map((slug) => from.ask(answerOdds(slug, l), signal)));
          return both.map((x) => x.logprob) as [number, number];
        }),
      );
      return { number, lessons, logprobs };
    });
  });
  readonly shownPair = $derived.by(() => {
    const e = this.#latest<{ number: number; lessons: Taught[]; logprobs: [number, number][] }>(this.#example);
    return e?.number === (this.look.example ?? 0) ? e : null;
  });

  readonly #samples = resource(() =>
    this.#asking(this.#panel === 'choose', (from, of, signal) =>
      from.ask(drawn(of[1], this.said), signal).then((c) => c.continuations),
    ),
  );
  readonly sampled = $derived.by(() => {
    const s = this.#latest<Continuations['continuations']>(this.#samples);
    return s ? distinct(s) : null;
  });

  readonly ask = $derived.by(() => {
    if (!this.trio) return null;
    if (this.#panel === 'inside') return distances(this.trio[this.pair], this.trio[this.pair + 1], this.said);
    if (this.#panel === 'mask')
      return this.look.conversation !== null
        ? trained(this.trio[1], this.look.conversation)
        : lessonOf(this.trio[1], this.said, this.#answers?.[1].text ?? '');
    if (this.#panel === 'pair') return pairNumber(this.trio[1], this.look.example ?? 0);
    if (this.#panel === 'choose') return drawn(this.trio[1], this.said);
    return written(this.trio[this.pair + 1], this.said);
  });
  readonly problem = $derived(
    this.#family.problem ??
      this.#texts.problem ??
      {
        three: this.#odds,
        inside: this.#inside,
        mask: this.look.conversation === null ? this.#own : this.#real,
        pair: this.#example,
        choose: this.#samples,
      }[this.#panel].problem,
  );

  readonly parts = $derived(
    this.pair === 1 && this.parted !== null && this.tokens
      ? [this.tokens[1][this.parted], this.tokens[2][this.parted]]
      : null,
  );
  readonly deep = $derived(this.lay ? this.lay.map((rows) => furthest(rows, this.at)) : [null, null]);
  readonly other = $derived(record.examples.find((e) => e.prompt !== this.#m?.request.prompt)?.prompt ?? null);
  readonly sizes = $derived(
    this.#m && this.#all ? sizesOf(this.#m.prompt_length, this.#all[0].position, this.lesson) : [],
  );
}
