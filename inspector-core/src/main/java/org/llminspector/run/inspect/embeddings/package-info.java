/** Queries on embedding and unembedding matrices. */
package org.llminspector.run.inspect.embeddings;
