import { ramp, type Ramp, type RampName } from './ramps';

const CONCEPTS = ['token', 'embed', 'neuron', 'attn', 'q', 'k', 'v', 'resid', 'logit', 'train', 'quant', 'kv'] as const;
/** A concept of the story (tokens, queries, the residual stream ...); each has one colour everywhere. */
export type Concept = (typeof CONCEPTS)[number];

type Ground = 'paper' | 'raised' | 'inset' | 'ink' | 'ink2' | 'ink3' | 'rule' | 'focus';
export type Colors = Record<Concept | Ground, string>;

const query = typeof window === 'undefined' ? null : window.matchMedia('(prefers-color-scheme: dark)');

class Theme {
  #system = $state(query?.matches ?? false);
  /** The reader's setting. */
  choice = $state<'auto' | 'light' | 'dark'>('auto');
  readonly dark: boolean = $derived(this.choice === 'auto' ? this.#system : this.choice === 'dark');

  /** The style sheet's colours, for canvases. */
  readonly colors: Colors = $derived.by(() => {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
    const style = getComputedStyle(document.documentElement);
    const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const names: [Concept | Ground, string][] = [
      ...CONCEPTS.map((c): [Concept, string] => [c, `c-${c}`]),
      ['paper', 'paper'],
      ['raised', 'raised'],
      ['inset', 'inset'],
      ['ink', 'ink'],
      ['ink2', 'ink-2'],
      ['ink3', 'ink-3'],
      ['rule', 'rule'],
      ['focus', 'focus'],
    ];
    return Object.fromEntries(names.map(([key, css]) => [key, read(css)])) as Colors;
  });

  constructor() {
    query?.addEventListener('change', (e) => (this.#system = e.matches));
  }

  ramp(name: RampName = 'sequential'): Ramp {
    return ramp(name, this.dark);
  }
}

export const theme = new Theme();

/** The CSS variable of a colour. */
export function colorVar(color: keyof Colors): string {
  const ground = /^(ink|paper|raised|inset|rule|focus)/.test(color);
  return ground ? `var(--${color.replace(/(\d)/, '-$1')})` : `var(--c-${color})`;
}
