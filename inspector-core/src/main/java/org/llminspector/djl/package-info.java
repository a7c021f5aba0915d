/**
 * Startup of the Deep Java Library, shared by its tokenizers and its engine.
 *
 * <p>Thread-safe.
 */
package org.llminspector.djl;
