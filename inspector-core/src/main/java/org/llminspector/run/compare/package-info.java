/**
 * Run.compare runs two requests side by side and keeps how far apart they lie: distances, never values.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.run.compare;
