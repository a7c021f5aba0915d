/**
 * Report writes a finished comparison for people without the program: one HTML page that needs nothing else, CSV.
 *
 * <p>May import: base, hook, engine values, run. Safe on any thread.
 */
package org.llminspector.web.report;
