/**
 * Reports of finished comparisons for readers without the program: one self-contained HTML page, CSV.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.web.report;
