/**
 * Quant is numbers in fewer bits: schemes as values, what a weight becomes under one, and what that costs.
 *
 * <p>Values are immutable and safe on any thread; big weights are read on all cores.
 */
package org.llminspector.quant;
