package org.llminspector.spark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.web.cli.common.SweepCluster;

/**
 * A sweep on Spark: a task a shard. Executors plan and compute, the driver merges; it needs the model's files, not its memory.
 * Where executors do not share the sweep's folder, parts come back as the tasks' results.
 */
public final class SparkSweep implements SweepCluster {

    /** {@code false}: parts come back to the driver even where executors share the sweep's folder. */
    private static final String SHARED = "spark.inspector.shared";

    @Override
    public boolean takes(String address) {
        return address.matches("(spark://|local|yarn|k8s://).*");
    }

    @Override
    public Sweeps.Done run(
            String address,
            Inspector inspector,
            Places places,
            SweepRequest request,
            Path out,
            long mostBytes,
            SweepListener listener) {
        inspector.sweeps().check(request);
        Path folder = out.toAbsolutePath().normalize();
        SweepRequest sweep = Requests.absolute(request, places.slug());
        SweepTask task = SweepTask.of(
                UUID.randomUUID().toString(), sweep, places, inspector.sweeps().weights(sweep), folder, mostBytes);
        try {
            Files.createDirectories(folder.resolve("parts"));
            if (!"false".equals(System.getProperty(SHARED))) Files.createFile(Path.of(task.marker()));
        } catch (IOException e) {
            throw Writes.failed("the sweep cannot be kept", folder, e);
        }
        try (JavaSparkContext spark = new JavaSparkContext(conf(address))) {
            return run(spark, inspector, task, new SweepFolder(folder), listener);
        } finally {
            delete(Path.of(task.marker()));
        }
    }

    private static Sweeps.Done run(
            JavaSparkContext spark, Inspector inspector, SweepTask task, SweepFolder folder, SweepListener listener) {
        Job job = new Job(spark, listener);
        Plan[] plan = new Plan[1];
        listener.progress(new SweepListener.Progress("planning", 0, 0, 0, 0, -1));
        job.run(List.of(0), new PlanFunction(task), p -> plan[0] = p);
        plan[0].files().forEach((name, bytes) -> write(folder.dir().resolve(name), bytes));
        SweepManifest manifest = folder.manifest();
        mergeFits(manifest);
        List<String> parts = manifest.parts();
        List<Integer> todo = IntStream.range(0, parts.size())
                .filter(s -> !folder.has(parts.get(s)))
                .boxed()
                .toList();
        listener.planned(manifest, parts.size() - todo.size());
        Progress progress = new Progress(listener, parts.size(), todo.size(), manifest);
        Broadcast<String> json = spark.broadcast(Json.write(manifest));
        if (!todo.isEmpty()) {
            job.run(todo, new ShardFunction(task, json), shard -> {
                if (shard.part() != null) write(folder.part(parts.get(shard.shard())), shard.part());
                progress.ended(shard);
            });
        }
        List<Integer> missing = folder.missing(manifest);
        job.refused().forEach(listener::leftOut);
        if (!missing.isEmpty()) throw progress.missing(folder.dir(), missing);
        listener.progress(new SweepListener.Progress("merging", parts.size(), parts.size(), 0, 0, 0));
        Sweeps.Done merged = inspector.sweeps().merge(folder.dir(), task.slug());
        return new Sweeps.Done(
                manifest, merged.files(), progress.computed(), List.of(), progress.tokens(), progress.seconds());
    }

    /** Spark's settings, where spark-submit or a system property did not give them. */
    static SparkConf conf(String address) {
        SparkConf conf = new SparkConf();
        conf.setIfMissing("spark.app.name", "inspector sweep");
        if (!conf.contains("spark.master")) conf.setMaster(address);
        conf.setIfMissing("spark.ui.enabled", "false");
        // A machine that cannot have the sweep fails a task once; others are given it.
        conf.setIfMissing("spark.excludeOnFailure.enabled", "true");
        conf.setIfMissing("spark.excludeOnFailure.task.maxTaskAttemptsPerNode", "4");
        conf.setIfMissing("spark.excludeOnFailure.stage.maxFailedTasksPerExecutor", "1");
        conf.setIfMissing("spark.excludeOnFailure.stage.maxFailedExecutorsPerNode", "8");
        conf.setIfMissing("spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout", "1s");
        conf.setIfMissing("spark.task.maxFailures", "8");
        StringBuilder options = new StringBuilder(conf.get("spark.executor.extraJavaOptions", ""));
        // Weights lie outside the heap; the program's own budget (--memory) refuses what would be too much.
        if (options.indexOf("MaxDirectMemorySize") < 0) options.append(" -XX:MaxDirectMemorySize=1t");
        if (options.indexOf("ai.djl.pytorch.num_threads") < 0 && conf.contains("spark.task.cpus")) {
            options.append(" -Dai.djl.pytorch.num_threads=").append(conf.get("spark.task.cpus"));
        }
        for (Map.Entry<String, String> e :
                Map.of("OPT_OUT_TRACKING", "true", "ORT_DISABLE_TELEMETRY", "1").entrySet()) {
            conf.setIfMissing("spark.executorEnv." + e.getKey(), e.getValue());
        }
        return conf.set("spark.executor.extraJavaOptions", options.toString().strip());
    }

    /** Refuses a merged state that would not fit into the driver's heap. */
    private static void mergeFits(SweepManifest manifest) {
        long most = Runtime.getRuntime().maxMemory() / 2;
        if (manifest.memory() == null || manifest.memory().state() <= most) return;
        throw Problem.tooLarge("what the sweep keeps would not fit into the driver's memory")
                .where("reduce: " + String.join(", ", manifest.request().reduce()))
                .expected("at most " + ByteCount.of(most))
                .found(ByteCount.of(manifest.memory().state()))
                .instead("give the driver more (spark.driver.memory), or take fewer reducers or hooks");
    }

    private static void write(Path file, byte[] bytes) {
        Writes.atomically(file, (WritableByteChannel to) -> {
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) to.write(left);
        });
    }

    private static void delete(Path marker) {
        try {
            Files.deleteIfExists(marker);
        } catch (IOException e) {
            // an empty file that nothing reads again
        }
    }
}
