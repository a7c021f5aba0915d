package org.llminspector.run.store;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.Precision;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/** Runs makes manifests and captures for the store's tests. */
public final class Runs {

    static final HookId RESID = HookId.of(HookPoint.RESID_POST, 3);
    static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    private Runs() {}

    /** A capture of two hooks with {@code floats} floats in all. */
    static Capture capture(int floats) {
        float[] values = new float[floats - 2];
        for (int i = 0; i < values.length; i++) values[i] = i * 0.5f;
        TreeMap<HookId, Tensor> tensors = new TreeMap<>();
        tensors.put(RESID, Tensor.of(values, 1, values.length, 1));
        tensors.put(LOGITS, Tensor.of(new float[] {Float.NEGATIVE_INFINITY, 1f}, 1, 1, 2));
        return new Capture(tensors);
    }

    /** A manifest with every field set. */
    static RunManifest manifest(String id, Capture capture) {
        Token bos = new Token(1, "<s>", List.of(), null, null, true);
        Token half = new Token(230, "<0xE2>", List.of(226), 0, 1, false);
        GeneratedToken step = new GeneratedToken(
                2,
                half,
                "",
                -0.693,
                0.5,
                1.0,
                List.of(new GeneratedToken.Alternative(230, "<0xE2>", Double.NEGATIVE_INFINITY, 0.5)),
                1.25);
        List<RunManifest.CaptureEntry> entries = new ArrayList<>();
        capture.tensors().forEach((hook, t) -> entries.add(RunManifest.CaptureEntry.of(hook, t, null, null)));
        return new RunManifest(
                id,
                "2026-11-25T00:35:12.417Z",
                "0.1.0",
                "a label",
                RunRequest.builder()
                        .model("org--name")
                        .engine("torch")
                        .device("auto")
                        .precision(Precision.FP32)
                        .prompt("Once → upon \"a\" time\n")
                        .addSpecialTokens(true)
                        .capture(List.of("blocks.3.hook_resid_post", "logits"))
                        .interventions(List.of(new Intervention(
                                "blocks.*.attn.hook_z",
                                Intervention.Op.REPLACE,
                                List.of(0),
                                null,
                                null,
                                null,
                                null,
                                null,
                                new Intervention.From("20261125-003512-417-a1b2c3", null))))
                        .generate(new GenerateOptions(
                                20,
                                false,
                                0.8,
                                40,
                                0.95,
                                null,
                                null,
                                Long.MAX_VALUE,
                                List.of("\n"),
                                10,
                                null,
                                null,
                                null))
                        .name("a label")
                        .build(),
                new RunManifest.ModelIdentity("org--name", "llama", "ab12", 4, 4, 2, 16, 64, 128, 259, 128, null),
                new EngineInfo("torch", "2.7.1", "hooked", "cpu", Precision.FP32, "fp32", 2, 12.5, 1234),
                List.of(bos, half),
                1,
                "Once",
                "Once → upon",
                new RunManifest.Generation("→", "length", "max_new_tokens", 42L, List.of(step)),
                entries,
                new KvCacheReport(3, "F32", null, 100, 200, List.of(50L, 50L)),
                new RunManifest.Timings(0, 1.5, 2.5, 3.5, 0.5, 8, null, null),
                List.of());
    }

    static String save(RunStore store, int floats) {
        String id = store.newId();
        Capture capture = capture(floats);
        store.save(manifest(id, capture), capture);
        return id;
    }

    /** Adds a reading of RESID's next layer's, and so on; says its number. */
    static String extend(RunStore store, String id, int floats) {
        RunManifest run = store.manifest(id);
        HookId hook = HookId.of(HookPoint.RESID_POST, 4 + run.recaptures().size());
        TreeMap<HookId, Tensor> tensors = new TreeMap<>();
        tensors.put(hook, capture(floats).get(RESID));
        RunManifest.Recapture reading = new RunManifest.Recapture(
                0,
                run.created(),
                run.version(),
                List.of(hook),
                null,
                run.engine(),
                1.5,
                new RunManifest.Agreement("logits", 2, false, 1e-7));
        return String.valueOf(store.extend(id, reading, tensors).recaptures().size());
    }
}
