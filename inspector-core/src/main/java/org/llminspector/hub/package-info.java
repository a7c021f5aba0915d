/**
 * Downloads from the Hugging Face hub: {@link org.llminspector.hub.HubClient} pulls models into the Hugging Face cache.
 *
 * <p>Behaviour follows huggingface_hub (the Python client, 2.4.0), so that both share one cache.
 *
 * <p>Reads folders anew on each call; safe on any thread and among processes.
 */
package org.llminspector.hub;
