/**
 * Models on this machine: folders in Hugging Face layout, GGUF files, exported graphs, and the Hugging Face cache. Each
 * has a slug as its name.
 *
 * <p>Reads folders anew on each call; safe among threads and processes.
 */
package org.llminspector.local;
