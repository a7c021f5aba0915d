package org.llminspector.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.llminspector.base.Json;
import org.llminspector.base.Writes;

/** Plans the sweep on an executor: the first that needs its memory, and the first to say that it lacks it. */
record PlanFunction(SweepTask task) implements FlatMapFunction<Iterator<Integer>, Plan> {

    private static final List<String> FILES = List.of("sweep.json", "documents.jsonl", "windows.safetensors");

    @Override
    public Iterator<Plan> call(Iterator<Integer> one) {
        HeldSweep held = HeldSweep.of(task);
        held.sweep().plan(held.folder());
        Map<String, byte[]> files = new HashMap<>();
        if (!held.shared())
            for (String name : FILES) files.put(name, read(held.folder().dir().resolve(name)));
        return List.of(new Plan(Json.write(held.sweep().manifest()), held.shared(), files))
                .iterator();
    }

    /** A file of this executor's own, whole. */
    static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw Host.named(Writes.failed("a part cannot be sent to the driver", file, e));
        }
    }
}
