package org.llminspector.run.sweep;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.ObjLongConsumer;
import org.llminspector.analysis.reduce.OutputPairs;
import org.llminspector.analysis.reduce.PairReducer;
import org.llminspector.analysis.reduce.Reducer;
import org.llminspector.analysis.reduce.WindowBatch;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.request.RunRequest;

/**
 * A sweep that can compute any of its shards: its windows are cut, its models are open, its parts have names. Thread-safe;
 * one shard is computed at a time.
 */
public final class OpenSweep implements AutoCloseable {

    /** Runs work on the queue's worker, and waits for it. */
    interface Worker {
        <T> T call(Callable<T> work);
    }

    private final PreparedSweep sweep;
    private final OpenModels models;
    private final Worker worker;
    private final OpenModels.Lease a;
    private final OpenModels.Lease b; // null for one side
    private final SweepManifest manifest;

    private OpenSweep(PreparedSweep sweep, OpenModels models, Worker worker, OpenModels.Lease a, OpenModels.Lease b) {
        this.sweep = sweep;
        this.models = models;
        this.worker = worker;
        this.a = a;
        this.b = b;
        String created = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        this.manifest = worker.call(() -> sweep.manifest(
                engine(sweep.a()).info(),
                sweep.b() == null ? null : engine(sweep.b()).info(),
                created));
    }

    static OpenSweep open(PreparedSweep sweep, OpenModels models, Worker worker, SweepListener listener) {
        OpenModels.Lease a = lease(sweep.a(), models, listener);
        OpenModels.Lease b = null;
        try {
            b = sweep.b() == null ? null : lease(sweep.b(), models, listener);
            return new OpenSweep(sweep, models, worker, a, b);
        } catch (RuntimeException e) {
            if (b != null) b.close();
            a.close();
            throw e;
        }
    }

    private static OpenModels.Lease lease(SweepSide side, OpenModels models, SweepListener listener) {
        RunRequest r = side.request();
        return models.lease(side.folder(), r.engine(), r.device(), r.plan(), p -> {}, listener::cancelled);
    }

    /** Called by the queue's worker only. */
    private InspectorEngine engine(SweepSide side) {
        return models.engine(side.folder(), side.request());
    }

    public SweepManifest manifest() {
        return manifest;
    }

    ModelFolder model() {
        return sweep.a().folder();
    }

    /** Tokens of a shard's windows. */
    public long tokens(int shard) {
        return sweep.shards().tokens(shard);
    }

    void refuseAbove(long mostBytes) {
        if (manifest.bytes() <= mostBytes) return;
        throw Problem.tooLarge("the sweep's parts would take too many bytes")
                .where("reduce: " + String.join(", ", manifest.request().reduce()))
                .expected("at most " + ByteCount.of(mostBytes))
                .found(manifest.parts().size() + " parts, " + ByteCount.of(manifest.bytes()))
                .instead("take larger shards (--shard-windows), fewer reducers or hooks, or allow it (--max-bytes)");
    }

    /** Writes what the sweep is of: manifest, documents and windows. Results of another request are deleted. */
    public void plan(SweepFolder folder) {
        folder.write(manifest, sweep.windows(), sweep.tasks());
    }

    /** Computes a shard on the queue's worker and writes its part. */
    public void compute(int shard, SweepFolder folder) {
        compute(shard, folder, (batch, nanos) -> {}, () -> false);
    }

    /**
     * The same.
     *
     * @param ran is told each batch and its nanoseconds
     * @param cancelled asked between batches
     */
    void compute(int shard, SweepFolder folder, ObjLongConsumer<WindowBatch> ran, BooleanSupplier cancelled) {
        SortedMap<String, Tensor> state = worker.call(() -> state(shard, ran, cancelled));
        String name = manifest.parts().get(shard);
        folder.write(name, state, new TreeMap<>(Map.of("format", SweepManifest.FORMAT, "shard", "" + shard)));
    }

    /** A shard's state; the engine computes a batch at a time. */
    private SortedMap<String, Tensor> state(int shard, ObjLongConsumer<WindowBatch> ran, BooleanSupplier cancelled) {
        InspectorEngine left = engine(sweep.a());
        InspectorEngine right = sweep.b() == null ? null : engine(sweep.b());
        List<Reducer> reducers = sweep.reducers(left::unembed);
        PairReducer pairs = right == null ? null : new OutputPairs();
        HookId logits = HookId.of(HookPoint.LOGITS);
        for (WindowBatch batch : sweep.shards().batches(shard)) {
            if (cancelled.getAsBoolean()) throw PreparedSweep.cancelled();
            long from = System.nanoTime();
            Tensor[] kept = new Tensor[1]; // A's logits, while B runs
            int[][] read = sweep.read(batch);
            left.run(new Batch(read, sweep.a().pass(read[0].length, sweep.hooks()), null), (hook, value) -> {
                for (Reducer r : reducers) if (r.hooks().contains(hook)) r.add(batch, hook, value);
                if (pairs != null && hook.equals(logits)) kept[0] = Tensor.of(value.toFloats(), value.shape());
            });
            reducers.forEach(r -> r.end(batch));
            if (pairs != null) {
                SessionRequest pass = sweep.b().pass(batch.positions(), new TreeSet<>(List.of(logits)));
                right.run(new Batch(batch.tokens(), pass, null), (hook, value) -> pairs.add(batch, kept[0], value));
            }
            ran.accept(batch, System.nanoTime() - from);
        }
        SortedMap<String, Tensor> state = new TreeMap<>();
        reducers.forEach(r -> state.putAll(r.state()));
        if (pairs != null) state.putAll(pairs.state());
        return state;
    }

    /** Lets go of the models. */
    @Override
    public void close() {
        if (b != null) b.close();
        a.close();
    }
}
