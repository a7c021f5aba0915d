import { getContext, setContext, untrack } from 'svelte';
import { lesson } from '../api/lesson';
import { page } from '../state/page.svelte';
import { defaultsOf, textsOf, valuesOf, type Params, type Values } from '../state/params';
import { selection } from '../state/selection.svelte';

/** What the figure shows: the chapter's own parameters, and the token, layer and head that all chapters share. */
export type Look<P extends Params> = Values<P> & { token: number; layer: number; head: number };

/** A choice that all chapters share. */
type Shared = 'token' | 'layer' | 'head';

/** A question that is answered by pointing at the figure. */
export interface Question {
  /** What was pointed at, once it was. */
  readonly given: unknown;
  readonly skipped: boolean;
}

interface Step {
  element: HTMLElement;
  look: () => Partial<Look<Params>>;
  /** Whether it waits for an answer. */
  asking: () => boolean;
  answer: (given: unknown) => void;
}

const KEY = Symbol('stage');
/** Words are reached when they have come up to 55 % of the window's height, and however far above they are then. */
const REACHED = '100000px 0px -45% 0px';

/**
 * State of the figure beside a chapter's words. The words set it, section after section, until the reader touches the
 * figure; then the reader's choices hold, in the URL, until the reader gives the figure back.
 */
export class Stage<P extends Params = Params> {
  /** The beat that was reached last. */
  beat = $state(-1);
  /** The figure fills the width. */
  wide = $state(false);
  /** Controls on show that offer changes: each shows what the changes did. */
  hands = $state(0);
  readonly #params: P;
  readonly #fixedInLesson: () => Shared[];
  #steps = $state.raw<Step[]>([]);
  readonly #reached = new Set<Element>();
  #observer: IntersectionObserver | null = null;

  /** What the figure shows now: who reads one of its values hears of changes of that one alone. */
  readonly look: Look<P>;

  /** @param fixedInLesson choices that a lesson's figure does not follow from other chapters: it has values of one place only */
  constructor(params: P, fixedInLesson: () => Shared[] = () => []) {
    this.#params = params;
    this.#fixedInLesson = fixedInLesson;
    const look = {};
    for (const name of [...Object.keys(params), 'token', 'layer', 'head'] as (keyof Look<P>)[]) {
      const value = $derived(this.#look[name]);
      Object.defineProperty(look, name, { enumerable: true, get: () => value });
    }
    this.look = look as Look<P>;
  }

  /** Whether the reader has touched it. */
  readonly kept: boolean = $derived.by(() => page.kept);
  /** Before the first words are reached the figure shows what they speak of. */
  readonly #step: Step | null = $derived.by(() => this.#steps[Math.max(0, this.beat)] ?? null);

  readonly #look: Look<P> = $derived.by(() => {
    const chosen = { token: selection.token, layer: selection.layer, head: selection.head };
    if (!this.#follows('token')) chosen.token = selection.own.token;
    if (!this.#follows('layer')) chosen.layer = selection.own.layer;
    if (!this.#follows('head')) chosen.head = selection.own.head;
    const said = valuesOf(this.#params, page.own);
    if (page.kept) return { ...said, ...chosen };
    return { ...said, ...chosen, ...this.#step?.look() } as Look<P>;
  });

  /** Whether what other chapters and the address choose is shown here too. */
  #follows(name: Shared): boolean {
    return !lesson || page.kept || !this.#fixedInLesson().includes(name);
  }

  /** Whether a reader or the address chose it, and this figure follows. */
  chose(name: Shared): boolean {
    return page[name] !== null && this.#follows(name);
  }

  /** Whether a question is open: pointing at the figure answers it, and the figure does not show the answer yet. */
  readonly asking: boolean = $derived.by(() => this.#step?.asking() ?? false);

  /** The reader points at something: the answer to an open question. */
  answer(given: unknown): void {
    this.#step?.answer(given);
  }

  /** The reader changes the figure: it stays as it is, but for this. */
  touch(change: Partial<Look<P>>): void {
    const { token, layer, head, ...own } = { ...this.look, ...change };
    // Defaults that the reader did not choose stay out of the URL.
    if (change.token !== undefined || token !== selection.token) selection.select(token);
    if (change.layer !== undefined || change.head !== undefined) selection.selectHead(layer, head);
    else if (layer !== selection.layer || head !== selection.head) selection.selectHead(layer, head);
    page.own = textsOf(this.#params, own as unknown as Values<P>);
    page.kept = true;
  }

  /** Whether the words that were reached speak of this part of the figure: one of their own values. */
  speaks(part: string | undefined): boolean {
    return part !== undefined && Object.values(this.#step?.look() ?? {}).some((v) => String(v) === part);
  }

  /** Gives the figure back to the words. */
  release(): void {
    page.kept = false;
    page.own = {};
    page.token = page.layer = page.head = null;
  }

  /** Whether a parameter is as it is by default. */
  isDefault(name: keyof P & string): boolean {
    return this.look[name] === defaultsOf(this.#params)[name];
  }

  /** Takes part in the order of the words; returns what takes it out again. */
  enter(step: Step): () => void {
    const after = (a: Step, b: Step) =>
      a.element.compareDocumentPosition(b.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
    // An effect that enters must not depend on what it writes.
    return untrack(() => {
      this.#steps = [...this.#steps, step].sort(after);
      this.#observer ??= new IntersectionObserver((seen) => this.#pass(seen), { rootMargin: REACHED });
      this.#observer.observe(step.element);
      return () =>
        untrack(() => {
          this.#observer?.unobserve(step.element);
          this.#reached.delete(step.element);
          this.#steps = this.#steps.filter((s) => s !== step);
        });
    });
  }

  indexOf(element: HTMLElement | undefined): number {
    return this.#steps.findIndex((s) => s.element === element);
  }

  #pass(seen: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) this.#reached.add(target);
      else this.#reached.delete(target);
    }
    this.beat = this.#steps.findLastIndex((s) => this.#reached.has(s.element));
  }
}

/** For the words inside a chapter's page. */
export function useStage(): Stage {
  return getContext<Stage>(KEY);
}

export function provideStage(stage: Stage): void {
  setContext(KEY, stage);
}
