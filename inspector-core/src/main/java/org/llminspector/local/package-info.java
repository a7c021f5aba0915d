/**
 * Local finds the models that are on this machine: folders in Hugging Face layout, GGUF files, exported graphs, and what
 * other tools left in the Hugging Face cache. Each has a name, its slug.
 *
 * <p>Reads folders anew on each call; safe on any thread and among processes.
 */
package org.llminspector.local;
