/** Server-sent events of runs and jobs; openapi.yaml has each event's data as a schema. */
import type * as T from './types';

/** Of a run. */
export type RunEvent =
  | { event: 'queued'; data: T.QueuedEvent }
  | { event: 'opening'; data: T.OpeningProgress }
  | { event: 'started'; data: T.StartedEvent }
  | { event: 'prefilled'; data: T.PrefilledEvent }
  | { event: 'token'; data: T.TokenEvent }
  | { event: 'done'; data: T.RunManifest }
  | { event: 'error'; data: T.Problem };

/** Of a comparison. */
export type ComparisonEvent =
  | { event: 'queued'; data: T.QueuedEvent }
  | { event: 'opening'; data: T.OpeningProgress }
  | { event: 'started'; data: T.ComparisonStarted }
  | { event: 'progress'; data: T.ComparisonProgress }
  | { event: 'done'; data: T.ComparisonManifest }
  | { event: 'error'; data: T.Problem };

/** Of a causal analysis. */
export type AnalysisEvent =
  | { event: 'queued'; data: T.QueuedEvent }
  | { event: 'progress'; data: T.AnalysisProgress }
  | { event: 'done'; data: T.Analysis }
  | { event: 'error'; data: T.Problem };

/** Of a benchmark. */
export type BenchmarkEvent =
  | { event: 'queued'; data: T.QueuedEvent }
  | { event: 'opening'; data: T.OpeningProgress }
  | { event: 'measured'; data: T.BenchmarkMeasured }
  | { event: 'done'; data: T.Benchmark }
  | { event: 'error'; data: T.Problem };

/** Of a sweep over a corpus. */
export type SweepEvent =
  { event: 'progress'; data: T.SweepProgress } | { event: 'done'; data: T.Sweep } | { event: 'error'; data: T.Problem };

/** Of a lesson that is made: its files come as a zip in base64. */
export type LessonEvent =
  | { event: 'progress'; data: T.LessonProgress }
  | { event: 'done'; data: { zip: string } }
  | { event: 'error'; data: T.Problem };
