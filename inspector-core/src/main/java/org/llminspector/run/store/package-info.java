/**
 * Run.store keeps what came of runs and comparisons: immutable folders on disk, their list, and the locks under which
 * several processes share them. What a person asked for is here too, for it is kept with what came of it.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.run.store;
