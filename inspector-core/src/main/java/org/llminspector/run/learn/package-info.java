/**
 * Operations that change weights: gradients, interactive single updates, and training jobs.
 *
 * <p>Thread-safe.
 */
package org.llminspector.run.learn;
