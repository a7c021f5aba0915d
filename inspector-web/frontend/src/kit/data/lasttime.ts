/** Durations of earlier requests, kept in this browser's storage: shown while the next one is waited for. */

const PREFIX = 'llm-inspector:ms:';

export function lastTime(what: string): number | null {
  try {
    const ms = Number(localStorage.getItem(PREFIX + what));
    return ms > 0 ? ms : null;
  } catch {
    return null; // storage is off
  }
}

export function remember(what: string, ms: number): void {
  try {
    localStorage.setItem(PREFIX + what, String(Math.round(ms * 10) / 10));
  } catch {
    // Storage is full or off; nothing depends on it.
  }
}
