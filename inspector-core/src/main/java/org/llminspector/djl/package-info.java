/**
 * Djl is how the Deep Java Library starts: its tokenizers and its engine must both be told the same before they load.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.djl;
