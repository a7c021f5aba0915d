/** The REST interface under {@code /api/v1}, one class per group of routes. */
package org.llminspector.web.server.api;
