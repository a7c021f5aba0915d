/**
 * Train.tales writes the project's own corpus: short children's stories with a world behind them, and what can be
 * asked about each one.
 *
 * <p>Everything here is a function of (seed, split, index) and safe on any thread.
 */
package org.llminspector.train.tales;
