package org.llminspector.spark;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** Plans the sweep on an executor: the first that needs its memory, and the first to say that it lacks it. */
record PlanFunction(SweepTask task) implements FlatMapFunction<Iterator<Integer>, Plan> {

    private static final List<String> FILES = List.of("sweep.json", "documents.jsonl", "windows.safetensors");

    @Override
    public Iterator<Plan> call(Iterator<Integer> one) {
        ExecutorSweep executor = ExecutorSweep.of(task);
        executor.sweep().plan(executor.folder());
        Map<String, byte[]> files = new HashMap<>();
        if (!executor.shared())
            for (String name : FILES)
                files.put(name, read(executor.folder().dir().resolve(name)));
        return List.of(new Plan(Json.write(executor.sweep().manifest()), executor.shared(), files))
                .iterator();
    }

    /** A file that this executor wrote, whole. */
    static byte[] read(Path file) {
        try {
            return Reads.bytes(file, Integer.MAX_VALUE);
        } catch (Problem p) {
            throw Host.named(p);
        }
    }
}
