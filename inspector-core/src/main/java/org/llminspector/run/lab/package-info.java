/** Causal analyses of two runs: what made the answer. */
package org.llminspector.run.lab;
