/**
 * Generate picks next tokens: the model gives a distribution, the sampler decides how adventurous to be.
 *
 * <p>A loop runs on its caller's thread.
 */
package org.llminspector.generate;
