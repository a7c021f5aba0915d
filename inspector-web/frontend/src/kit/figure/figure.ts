import type { Slice } from '../../api/client';
import type { Ask } from '../../api/source';
import type { Recipe } from './recipes';

/** Where a figure's numbers come from; decides its provenance line and its 'get this data'. */
export type DataRef =
  | { kind: 'capture'; hook: string; slice?: Slice; /** NumPy index of the same slice */ index?: string }
  | { kind: 'lens'; hook: string }
  | { kind: 'norms'; hook: string }
  /** What the server made of the run or of its model. */
  | { kind: 'answer'; ask: Ask }
  | {
      kind: 'manifest';
      hook: string;
      /** for jq */ path: string;
      /** of the client's Run */ python: 'tokens' | 'steps';
    };

/** Where a figure's numbers come from when no run made them: the parts of its provenance line, and how to get them. */
export interface Origin {
  parts: string[];
  recipe: Recipe;
}

/** A figure as rows and columns; made when asked for. */
export interface TableData {
  columns: string[];
  rows: (string | number)[][];
}

export function toCsv(table: TableData): string {
  const cell = (v: string | number) => {
    const text = String(v);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [table.columns, ...table.rows].map((row) => row.map(cell).join(',')).join('\n') + '\n';
}

export function download(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
