/**
 * Stores runs and comparisons: immutable folders on disk, their index, and the locks for sharing them between
 * processes. Requests are here too, since they are stored with their results.
 *
 * <p>Thread-safe.
 */
package org.llminspector.run.store;
