package org.llminspector.web.server.http;

import io.javalin.config.RoutesConfig;

/** A group of REST routes. It is given the narrow objects that it needs, never the facade. */
public interface Routes {

    void register(RoutesConfig routes);
}
