/**
 * Web is the program's two doors, a server and a command line, both thin over {@link org.llminspector.run.Inspector}.
 *
 * <p>This package only starts the program.
 */
package org.llminspector.web;
