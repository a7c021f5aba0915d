/**
 * Analysis says what captured values mean: norms, the logit lens, how far two runs lie apart.
 *
 * <p>Pure functions over plain tensors, safe on any thread.
 */
package org.llminspector.analysis;
