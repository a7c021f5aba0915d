/** Parts of a circuit that a reader pins, each with a name of their own, as text in the address. Pure. */

/** Names by part; an unnamed pin has an empty one. */
export type Pins = Map<string, string>;

const PIN = /^((?:[acs]\d+(?:\.h\d+)?|m\d+|input|logits))(?:~(.*))?$/;
const LONGEST = 40;

export function parsePins(text: string | null): Pins {
  const pins: Pins = new Map();
  for (const each of (text ?? '').split('|')) {
    const found = PIN.exec(each);
    if (found) pins.set(found[1], (found[2] ?? '').slice(0, LONGEST));
  }
  return pins;
}

/** Null where nothing is pinned. */
export function formatPins(pins: Pins): string | null {
  const text = [...pins].map(([part, name]) => (name === '' ? part : `${part}~${name.replaceAll('|', ' ')}`));
  return text.length > 0 ? text.join('|') : null;
}

export function toggled(pins: Pins, part: string): Pins {
  const next = new Map(pins);
  if (!next.delete(part)) next.set(part, '');
  return next;
}

export const named = (pins: Pins, part: string, name: string): Pins => new Map(pins).set(part, name.slice(0, LONGEST));
