/**
 * The program's server and command line, both thin layers over {@link org.llminspector.run.Inspector}.
 *
 * <p>This package only starts the program.
 */
package org.llminspector.web;
