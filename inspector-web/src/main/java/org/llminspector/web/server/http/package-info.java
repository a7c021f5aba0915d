/** What all routes share: requests and replies, problems as RFC 9457, server-sent events of work under way, metrics. */
package org.llminspector.web.server.http;
