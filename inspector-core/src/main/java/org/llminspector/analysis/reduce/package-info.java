/**
 * Reducers: what a sweep over a corpus keeps of hooked values, as states that windows are added to and that merge.
 *
 * <p>The law of every state: a new one is its zero, and merging into it gives the same bits; states are merged in the order
 * of their windows by a left fold, so that who computed which, and when it arrived, changes no bit. Counts, extrema and
 * lists merge exactly in any grouping, float64 sums within rounding. Not thread-safe.
 */
package org.llminspector.analysis.reduce;
