/**
 * Web is the program's two doors, a server and a command line, both thin over {@link org.llminspector.run.Inspector}.
 *
 * <p>May import the facade and the value records of inspector-core (run, base, hook, capture, engine, generate,
 * tokenize, spec) and the safetensors writer; never an engine and never DJL. This package only starts the program.
 */
package org.llminspector.web;
