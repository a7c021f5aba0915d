package org.llminspector.spark;

import java.io.Serializable;

/**
 * A shard's end on an executor.
 *
 * @param shard its number
 * @param host of the executor
 * @param part the file's bytes, where the sweep's folder is not shared; else null
 * @param tokens that the model read for it; 0 where the part was there
 * @param seconds that this took
 * @param failed why there is no part; null where there is one
 */
record Shard(int shard, String host, byte[] part, long tokens, double seconds, RuntimeException failed)
        implements Serializable {}
