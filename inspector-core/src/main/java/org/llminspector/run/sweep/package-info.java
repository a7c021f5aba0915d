/** Sweeps: a model over a corpus, shard by shard, merged in the shards' order. */
package org.llminspector.run.sweep;
