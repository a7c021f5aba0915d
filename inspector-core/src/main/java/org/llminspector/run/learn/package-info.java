/**
 * Run.learn changes weights: gradients of a run, single updates that a person watches, and training jobs.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.run.learn;
