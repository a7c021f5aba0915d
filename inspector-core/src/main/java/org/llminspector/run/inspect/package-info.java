/** Analyses of stored runs and models: what its rooms share, the logit lens, tokenizations. */
package org.llminspector.run.inspect;
