package org.llminspector.spark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.llminspector.base.Problem;

/**
 * Computes the shards of a partition, which has one. What this machine cannot have at all is thrown, so that Spark asks
 * another; what fails in a shard is its result, so that the others are computed.
 *
 * @param manifest sweep.json as JSON, whose parts are made
 */
record ShardFunction(SweepTask task, Broadcast<String> manifest) implements FlatMapFunction<Iterator<Integer>, Shard> {

    @Override
    public Iterator<Shard> call(Iterator<Integer> shards) throws IOException {
        ExecutorSweep executor = ExecutorSweep.of(task);
        executor.check(manifest.value());
        List<Shard> done = new ArrayList<>();
        while (shards.hasNext()) done.add(shard(executor, shards.next()));
        return done.iterator();
    }

    private static Shard shard(ExecutorSweep executor, int shard) {
        String name = executor.parts().get(shard);
        long from = System.nanoTime();
        long tokens = 0;
        try {
            if (!executor.folder().has(name)) {
                executor.sweep().compute(shard, executor.folder());
                tokens = executor.sweep().tokens(shard);
            }
            byte[] part = executor.shared()
                    ? null
                    : PlanFunction.read(executor.folder().part(name));
            return new Shard(shard, Host.name(), part, tokens, (System.nanoTime() - from) / 1e9, null);
        } catch (Problem p) {
            return new Shard(shard, Host.name(), null, 0, 0, Host.named(p));
        }
    }
}
