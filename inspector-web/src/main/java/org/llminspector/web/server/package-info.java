/**
 * Server is the REST interface that openapi.yaml describes, and the page's files.
 *
 * <p>Handlers run on Jetty's threads, several at once; they hold no state of their own. Only {@link
 * org.llminspector.run.Inspector} waits for the engine, and it bounds how many may.
 */
package org.llminspector.web.server;
