/** What the page's modules expect of a browser and the server's engine for JavaScript lacks, as far as a recording needs it. */

class Query {
  readonly #parts: [string, string][] = [];

  get size(): number {
    return this.#parts.length;
  }

  set(name: string, value: string): void {
    this.#parts.push([name, value]);
  }

  toString(): string {
    return this.#parts.map(([n, v]) => `${encodeURIComponent(n)}=${encodeURIComponent(v)}`).join('&');
  }
}

/** Numbers are only written for readers, of whom there are none here. */
class Plain {
  format(value: unknown): string {
    return String(value);
  }
}

const lacking: { [name: string]: unknown } = {
  URLSearchParams: Query,
  Intl: { NumberFormat: Plain, DateTimeFormat: Plain, PluralRules: Plain },
};
for (const [name, value] of Object.entries(lacking)) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value });
}

export {};
