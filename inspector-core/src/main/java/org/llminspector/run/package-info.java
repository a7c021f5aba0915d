/**
 * Run is the facade: it opens models, runs requests, and keeps what came of them in immutable folders.
 *
 * <p>May import every room. Safe on any thread.
 */
package org.llminspector.run;
