/** The figures of the stations: their code comes when the first of them is near. */
export { default as Attention } from './AttentionFigure.svelte';
export { default as Continuation } from './ContinuationFigure.svelte';
export { default as Distribution } from './DistributionFigure.svelte';
export { default as Lens } from './LensFigure.svelte';
export { default as Norms } from './NormsFigure.svelte';
export { default as Tokens } from './TokensFigure.svelte';
export { default as Effective } from '../../chapters/Effective.svelte';
