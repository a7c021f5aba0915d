/**
 * Report writes a finished comparison for people without the program: one HTML page that needs nothing else, CSV.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.web.report;
