/** Parts of a reducer's state as arrays: counts, means, tables with a row a window, ranked values; and as tensors. */
package org.llminspector.analysis.reduce.state;
