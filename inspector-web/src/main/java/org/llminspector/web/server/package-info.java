/**
 * The REST interface that openapi.yaml describes, and the page's files.
 *
 * <p>Handlers run concurrently on Jetty's threads and keep no state of their own. Only {@link
 * org.llminspector.run.Inspector} waits for the engine, and it bounds how many may.
 */
package org.llminspector.web.server;
