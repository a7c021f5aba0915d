/**
 * The project's own corpus: short children's stories with a simulated world, and questions about each one.
 *
 * <p>Everything here is a function of (seed, split, index) and safe on any thread.
 */
package org.llminspector.train.tales;
