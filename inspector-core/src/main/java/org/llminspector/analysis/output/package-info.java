/** Differences between two output distributions: divergence, flips, error splits and output Fisher weights. */
package org.llminspector.analysis.output;
