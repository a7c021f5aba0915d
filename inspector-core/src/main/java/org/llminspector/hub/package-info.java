/**
 * Hub finds models by name: folders in Hugging Face layout, the Hugging Face cache as other tools left it, and the
 * Hugging Face hub itself, from which {@link org.llminspector.hub.HubClient} pulls into that cache.
 *
 * <p>Behaviour follows huggingface_hub (the Python client, 2.4.0), so that both share one cache.
 *
 * <p>May import: base, checkpoint. Reads folders anew on each call; safe on any thread and among processes.
 */
package org.llminspector.hub;
