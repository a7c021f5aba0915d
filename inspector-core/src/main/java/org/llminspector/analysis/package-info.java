/**
 * Analyses of captured values and weights: norms, the logit lens, head scores, distances between runs.
 *
 * <p>Pure functions over plain tensors; thread-safe.
 */
package org.llminspector.analysis;
