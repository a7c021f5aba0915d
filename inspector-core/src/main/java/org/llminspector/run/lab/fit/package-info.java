/** What is fitted to a model's values, or read from one run: lenses, probes, subspaces, the parts of an attention score. */
package org.llminspector.run.lab.fit;
