/**
 * Run is the facade: {@link Inspector} lists models, runs requests, and hands on what the rooms beside it answer.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.run;
