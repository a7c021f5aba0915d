/** How long something took the last time on this browser: waiting is easier with a number. */

const PREFIX = 'llm-inspector:ms:';

export function lastTime(what: string): number | null {
  try {
    const ms = Number(localStorage.getItem(PREFIX + what));
    return ms > 0 ? ms : null;
  } catch {
    return null; // storage is off: then there is no last time
  }
}

export function remember(what: string, ms: number): void {
  try {
    localStorage.setItem(PREFIX + what, String(Math.round(ms * 10) / 10));
  } catch {
    // Storage is full or off; nothing depends on it.
  }
}
