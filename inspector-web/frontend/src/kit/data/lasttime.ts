/** What is kept in this browser's storage: durations of earlier requests, shown while the next one is waited for. */

const PREFIX = 'llm-inspector:ms:';

export function lastTime(what: string): number | null {
  const ms = Number(kept(PREFIX + what));
  return ms > 0 ? ms : null;
}

export function remember(what: string, ms: number): void {
  keep(PREFIX + what, String(Math.round(ms * 10) / 10));
}

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is off
  }
}

export function keep(name: string, text: string): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Storage is full or off; nothing depends on it.
  }
}
