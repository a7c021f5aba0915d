package org.llminspector.golden;

import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.exported.ExportedEngine;
import org.llminspector.engine.exported.ExportedHooks;
import org.llminspector.engine.exported.ExportedSpec;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.spec.DecoderSpec;

/** Exported is a graph that somebody else exported, open. */
class Exported implements AutoCloseable {

    final Checkpoint checkpoint;
    final DecoderSpec spec;
    final ExportedEngine engine;
    final ExportedHooks hooks;

    Exported(Path dir) {
        checkpoint = Checkpoint.open(dir);
        spec = ExportedSpec.of(checkpoint);
        engine = ExportedEngine.open(checkpoint, spec, "cpu", PrecisionPlan.of(Precision.FP32));
        hooks = new ExportedHooks(checkpoint.onnx().orElseThrow(), spec);
    }

    SortedSet<HookId> found() {
        SortedSet<HookId> found = HookPatterns.all(spec);
        found.removeIf(id -> !hooks.has(id));
        return found;
    }

    Session begin(SortedSet<HookId> hooks) {
        return engine.begin(new SessionRequest(32, hooks, List.of(), List.of()));
    }

    @Override
    public void close() {
        engine.close();
        checkpoint.close();
    }
}
