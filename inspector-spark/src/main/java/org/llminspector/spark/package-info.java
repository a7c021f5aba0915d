/** Sweeps on Apache Spark: a task a shard, a model per executor, parts merged by the driver in the shards' order. */
package org.llminspector.spark;
