/** Stories: a simulated world, sentences about it, and the plots that change both. */
package org.llminspector.tales.plot;
