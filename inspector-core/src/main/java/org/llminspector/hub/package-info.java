/**
 * Hub finds models by name: folders in Hugging Face layout, and the Hugging Face cache as other tools left it.
 *
 * <p>May import: base, checkpoint. Reads folders anew on each call; safe on any thread.
 */
package org.llminspector.hub;
