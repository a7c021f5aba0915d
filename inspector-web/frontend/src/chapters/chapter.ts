import type { Component } from 'svelte';
import type { Concept } from '../kit/paint/theme.svelte';
import type { Params } from '../state/params';
import type { Scene } from '../state/scene';

/**
 * A chapter's record, exported by its folder's index.ts as `record`. It is loaded with the page, so it
 * imports nothing heavy: words, figures and arithmetic come with `load`.
 *
 * A chapter's state in the URL is `params`; token, layer and head are shared by all chapters and need no name here.
 */
export interface Record<P extends Params = Params> extends Scene {
  /** What a reader knows afterwards, in one sentence. */
  teaches: string;
  /** Its one colour, in the rail and on its first screen. */
  concept: Concept;
  /** Hooks without which there is nothing to show: a model that lacks one gets the reason and a model that has it. */
  needs: string[];
  params: P;
  /** Options of its choices that need a server: a lesson marks them. */
  live?: string[];
  load: () => Promise<{ default: Component }>;
}

/** A model's sizes for a chapter's facts, by name. */
export type Sizes = [name: string, size: string][];

/** One line of the path. */
export interface Line {
  /** NN-name: the chapter's folder, and its address under /chapters/. */
  folder: string;
  title: string;
  group: string;
}

/** Chapter is a line of the path and, once it is built, what its folder says. */
export interface Chapter extends Line {
  number: number;
  record: Record | null;
}
