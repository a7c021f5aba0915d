/** Attention heads: what each does in a run, and its QK and OV circuits. */
package org.llminspector.run.inspect.heads;
