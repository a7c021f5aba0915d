/** Numbers as people read them: honest digits, with their unit. */

const THIN = '\u202f'; // no-break thin space, as between number and unit

/** 1,234.5: three decimals at most. Intl would load its tables while the page is first drawn. */
export function count(n: number): string {
  return String(Math.round(n * 1000) / 1000).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',');
}

/** One number where all are the same, else the smallest and the largest: '2', '1 to 4'. */
export function ranged(numbers: number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? count(least) : `${count(least)} to ${count(most)}`;
}

/** A probability as per cent: one decimal above 1 %, two digits below, a power of ten when it is tiny. */
export function percent(p: number): string {
  const c = p * 100;
  if (c === 0) return `0${THIN}%`;
  if (c >= 99.95 && p < 1) return `${c >= 99.995 ? '> 99.99' : c.toFixed(2)}${THIN}%`;
  if (c >= 1) return `${c.toFixed(1)}${THIN}%`;
  if (c >= 0.001) return `${Number(c.toPrecision(2))}${THIN}%`;
  return `${power(c)}${THIN}%`;
}

/** 1.2 x 10^-7 with real superscripts, on one line wherever it stands. */
export function power(x: number): string {
  const [mantissa, exponent] = x.toExponential(1).split('e');
  const raised = String(Number(exponent)).replace(/[-0-9]/g, (c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)]));
  return `${mantissa}${THIN}×${THIN}10${raised}`;
}

/** Four digits, for tables and axes. */
export function short(x: number): string {
  if (!Number.isFinite(x)) return x > 0 ? '∞' : x < 0 ? '−∞' : 'NaN';
  if (x === 0) return '0';
  const a = Math.abs(x);
  if (a >= 1e6 || a < 1e-4) return power(x).replace('-', '−');
  return Number(x.toPrecision(4)).toString().replace('-', '−');
}

/** Two or three digits, for inside a cell. */
export function brief(x: number): string {
  if (!Number.isFinite(x) || x === 0) return short(x);
  const a = Math.abs(x);
  if (a >= 1e4 || a < 5e-4) return x.toExponential(0).replace('e+', 'e').replaceAll('-', '−');
  const text =
    a >= 100 ? x.toFixed(0) : a >= 10 ? x.toFixed(1) : a >= 0.095 ? x.toFixed(2) : String(Number(x.toPrecision(1)));
  return text.replace('-', '−').replace(/^(−?)0\./, '$1.');
}

/** Every digit that a float32 has, and none that it has not. */
export function exact(x: number): string {
  if (!Number.isFinite(x)) return short(x);
  for (let digits = 6; digits < 10; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === Math.fround(x)) return String(Number(text)).replace('-', '−');
  }
  return String(x).replace('-', '−');
}

export function bytes(n: number): string {
  if (n < 1024) return `${n}${THIN}B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = n;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}${THIN}${units[unit]}`;
}

export function duration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)}${THIN}ms`;
  if (ms < 10) return `${ms.toFixed(1)}${THIN}ms`;
  if (ms < 1000) return `${ms.toFixed(0)}${THIN}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}${THIN}s`;
  return `${Math.floor(ms / 60_000)}${THIN}min ${Math.round((ms % 60_000) / 1000)}${THIN}s`;
}

/** 260 K, 1.5 B: parameters. */
export function magnitude(n: number): string {
  const steps: [number, string][] = [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ];
  for (const [size, letter] of steps) {
    if (n >= size) return `${(n / size).toPrecision(n / size >= 100 ? 3 : 2).replace(/\.0$/, '')}${THIN}${letter}`;
  }
  return String(n);
}

/** Long names keep their beginning and their end. */
export function middle(name: string, max = 40): string {
  if (name.length <= max) return name;
  const tail = Math.floor((max - 1) / 2);
  return `${name.slice(0, max - 1 - tail)}…${name.slice(name.length - tail)}`;
}

export function when(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/** '1 token', '3 tokens'. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** 'the one layer', 'each of the 6 layers'. */
export function eachOf(n: number, one: string): string {
  return n === 1 ? `the one ${one}` : `each of the ${plural(n, one)}`;
}

/** 1st, 2nd, 3rd, 11th. */
export function ordinal(n: number): string {
  const ten = n % 100;
  const suffix = ten > 10 && ten < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${count(n)}${suffix}`;
}
