import type { Slice } from '../../api/client';
import type { Ask } from '../../api/source';
import type { Recipe } from './recipes';

/** Reference to a figure's numbers, from which its provenance line and its recipes are made. */
export type DataRef =
  | { kind: 'capture'; hook: string; slice?: Slice; /** NumPy index of the same slice */ index?: string }
  | { kind: 'lens'; hook: string }
  | { kind: 'norms'; hook: string }
  /** An analysis of the run or of its model by the server. */
  | { kind: 'answer'; ask: Ask }
  | {
      kind: 'manifest';
      hook: string;
      /** for jq */ path: string;
      /** of the client's Run */ python: 'tokens' | 'steps';
    };

/** Origin of a figure's numbers when no run made them: the parts of its provenance line, and the recipe. */
export interface Origin {
  parts: string[];
  recipe: Recipe;
}

/** A figure's numbers as rows and columns. */
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
