/** Recaptures: hooks that a stored run lacks, by evaluating its tokens again. */
package org.llminspector.run.replay;
