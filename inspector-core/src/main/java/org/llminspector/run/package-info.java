/**
 * The facade: {@link Inspector} lists models, executes requests, and gives access to the analyses of this package and
 * its neighbours.
 *
 * <p>Thread-safe.
 */
package org.llminspector.run;
