import type { Problem as ProblemJson } from './types';

/** A problem (RFC 9457): complete when the server sent it, shorter when the page made it. */
export type Said = Pick<ProblemJson, 'title' | 'status'> & Partial<ProblemJson>;

/** Problem is the one error that a person sees: the server's own, or one that says why the server did not answer. */
export class Problem extends Error {
  readonly retryAfter?: number;
  /** Repeats the request that failed, where it can be repeated. */
  retry?: () => void;

  constructor(
    readonly json: Said,
    retryAfter?: number,
  ) {
    super(json.detail ?? json.title);
    this.retryAfter = retryAfter;
  }

  get status(): number {
    return this.json.status;
  }

  /** The server did not answer at all. */
  get unreachable(): boolean {
    return this.json.status === 0;
  }

  static async fromResponse(response: Response, asked: string): Promise<Problem> {
    const retry = Number(response.headers.get('retry-after') ?? NaN);
    const after = Number.isFinite(retry) ? retry : undefined;
    try {
      const json = (await response.json()) as Said;
      if (typeof json.title === 'string')
        return new Problem({ ...json, status: json.status ?? response.status }, after);
    } catch {
      // Not JSON: some proxy answered. Say what we know.
    }
    return new Problem(
      { title: 'the server answered with an error', status: response.status, where: asked, found: response.statusText },
      after,
    );
  }

  static unreachable(asked: string, cause: unknown): Problem {
    return new Problem({
      title: 'the server does not answer',
      status: 0,
      where: asked,
      found: cause instanceof Error ? cause.message : String(cause),
      instead: 'start it with scripts/start; the page goes on by itself once it is back',
    });
  }

  /** Anything thrown, as a Problem; a cancelled request stays what it is and is not shown. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem({ title: 'the page met something it did not expect', status: -1, found: String(error) });
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** OverBudget is a reading that is larger than what the page takes without a word; `allow` is that word. */
export class OverBudget extends Problem {
  constructor(
    json: Said,
    readonly allow: () => void,
  ) {
    super(json);
  }
}
