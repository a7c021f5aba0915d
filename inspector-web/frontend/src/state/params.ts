/** A chapter's own state in the URL: each name with how its text is read; what is as by default is not written. */

export interface Param<V> {
  readonly otherwise: V;
  /** Null when the text means nothing here. */
  parse(text: string): V | null;
  format(value: V): string;
}

export type Params = Record<string, Param<never> | Param<unknown>>;
export type Values<P> = { [K in keyof P]: P[K] extends Param<infer V> ? V : never };

/** A whole number from 0, or null: not chosen. */
export function whole(): Param<number | null> {
  return {
    otherwise: null,
    parse: (text) => (/^\d{1,9}$/.test(text) ? Number(text) : null),
    format: String,
  };
}

/** A whole number that may lie below 0, or null: not chosen. */
export function integer(): Param<number | null> {
  return {
    otherwise: null,
    parse: (text) => (/^-?\d{1,9}$/.test(text) ? Number(text) : null),
    format: String,
  };
}

/** A number in a range. */
export function real(otherwise: number, lo: number, hi: number): Param<number> {
  return {
    otherwise,
    parse: (text) => {
      const value = Number(text);
      return text.trim() !== '' && value >= lo && value <= hi ? value : null;
    },
    format: String,
  };
}

/** Any number, or null: not chosen. */
export function amount(): Param<number | null> {
  return {
    otherwise: null,
    parse: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : null),
    format: String,
  };
}

/** One of these words; the first is the default. */
export function choice<const T extends string>(...words: [T, ...T[]]): Param<T> {
  return { otherwise: words[0], parse: (text) => words.find((w) => w === text) ?? null, format: (w) => w };
}

/** Any text, or null: such as another run's id. */
export function text(): Param<string | null> {
  return { otherwise: null, parse: (t) => t, format: String };
}

export function flag(): Param<boolean> {
  return { otherwise: false, parse: () => true, format: () => '' };
}

export function defaultsOf<P extends Params>(params: P): Values<P> {
  return Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.otherwise])) as Values<P>;
}

export function valuesOf<P extends Params>(params: P, texts: Record<string, string>): Values<P> {
  return Object.fromEntries(
    Object.entries(params).map(([name, p]) => [
      name,
      texts[name] === undefined ? p.otherwise : (p.parse(texts[name]) ?? p.otherwise),
    ]),
  ) as Values<P>;
}

export function textsOf<P extends Params>(params: P, values: Values<P>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, p] of Object.entries(params) as [keyof P & string, Param<unknown>][]) {
    const value = values[name];
    if (value !== null && value !== undefined && value !== p.otherwise) texts[name] = p.format(value);
  }
  return texts;
}
