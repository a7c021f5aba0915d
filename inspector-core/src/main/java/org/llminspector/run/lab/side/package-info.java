/** The runs of an analysis: rows of a prompt with values of their own at some hooks, and numbers that measure their answers. */
package org.llminspector.run.lab.side;
