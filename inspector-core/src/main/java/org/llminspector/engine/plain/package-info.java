/**
 * A Llama's forward pass in plain Java: the readable reference of what the engines compute.
 *
 * <p>No engine and no array library: it is slow, exact and short. Tests compare every value of it with the goldens and
 * with every engine; the page shows its lines with the values of a run.
 */
package org.llminspector.engine.plain;
