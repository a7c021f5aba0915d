/**
 * Generate picks next tokens: the model gives a distribution, the sampler decides how adventurous to be.
 *
 * <p>May import: base, tokenize, engine. A loop runs on its caller's thread.
 */
package org.llminspector.generate;
