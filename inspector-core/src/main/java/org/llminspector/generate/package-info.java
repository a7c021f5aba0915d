/**
 * Text generation: the loop over a session, and the sampler of next tokens.
 *
 * <p>A loop runs on its caller's thread.
 */
package org.llminspector.generate;
