/** A model as a graph of what writes its residual stream and what reads it, and a layer's reading of the stream reader by reader. */
package org.llminspector.run.lab.graph;
