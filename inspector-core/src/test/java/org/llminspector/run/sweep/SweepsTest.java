package org.llminspector.run.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.engine.Precision;
import org.llminspector.hook.HookPoint;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.WeightStatistics;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.request.SweepRequestBuilder;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.Sweeps.Done;
import org.llminspector.run.sweep.Sweeps.Share;

class SweepsTest {

    @TempDir
    static Path temp;

    private static Inspector inspector;
    private static Path corpus;

    @BeforeAll
    static void open() throws IOException {
        inspector = TextModel.open(temp, 1 << 28);
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            lines.append("{\"text\": \"")
                    .append("The cat sat on mat ".repeat(1 + i % 4))
                    .append(i)
                    .append("\"}\n");
        }
        corpus = Files.writeString(temp.resolve("corpus.jsonl"), lines);
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    private static SweepRequestBuilder request() {
        return SweepRequestBuilder.builder()
                .corpus(new SweepRequest.Texts(corpus.toString(), null, null, null, null, null))
                .reduce(List.of("moments", "loss", "top"))
                .window(16)
                .shardWindows(5);
    }

    private static Done run(SweepRequestBuilder request, String folder, Share share, SweepListener listener) {
        return inspector.sweeps().run(request.build(), temp.resolve(folder), share, Sweeps.MOST_BYTES, listener);
    }

    private static Done run(SweepRequestBuilder request, String folder) {
        return run(request, folder, Share.ALL, SweepListener.NONE);
    }

    /** The same merged files, byte for byte. */
    private static void same(Done found, Done expected) {
        assertThat(found.files().keySet()).isEqualTo(expected.files().keySet()).isNotEmpty();
        expected.files()
                .forEach((kind, file) -> assertThat(found.files().get(kind)).hasSameBinaryContentAs(file));
    }

    private static List<String> parts(String folder) throws IOException {
        try (Stream<Path> files = Files.list(temp.resolve(folder).resolve("parts"))) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void theSameBitsWhoeverComputesWhichShard() throws IOException {
        Done whole = run(request(), "whole");
        assertThat(whole.manifest().parts()).hasSizeGreaterThan(2);
        assertThat(whole.files().keySet()).containsExactlyInAnyOrder("moments", "loss", "top");
        Done second = run(request(), "shares", new Share(1, 2), SweepListener.NONE);
        assertThat(second.files()).isEmpty();
        assertThat(second.missing()).isNotEmpty().allMatch(s -> s % 2 == 0);
        assertThatThrownBy(() -> inspector.sweeps().merge(temp.resolve("shares"), null))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("of the shards 0");
        Done first = run(request(), "shares", new Share(0, 2), SweepListener.NONE);
        assertThat(first.missing()).isEmpty();
        same(first, whole);
        for (Path file : first.files().values()) Files.delete(file);
        same(inspector.sweeps().merge(temp.resolve("shares"), null), whole);
    }

    @Test
    void aStoppedSweepGoesOnAndARepeatedOneIsFree() throws IOException {
        Done whole = run(request(), "unstopped");
        List<Integer> done = new ArrayList<>();
        SweepListener stops = new SweepListener() {
            @Override
            public void progress(Progress progress) {
                if (progress.shards() > 0) done.add(progress.shards());
            }

            @Override
            public boolean cancelled() {
                return !done.isEmpty();
            }
        };
        assertThatThrownBy(() -> run(request(), "stopped", Share.ALL, stops))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("cancelled");
        List<String> before = parts("stopped");
        assertThat(before).isNotEmpty().hasSizeLessThan(whole.manifest().parts().size());
        Done rest = run(request(), "stopped");
        assertThat(rest.computed()).isEqualTo(whole.manifest().parts().size() - before.size());
        assertThat(parts("stopped")).containsAll(before);
        same(rest, whole);
        Done repeated = run(request(), "stopped");
        assertThat(repeated.computed()).isZero();
        assertThat(repeated.tokens()).isZero();
    }

    @Test
    void howLongAndHowMuchMemoryIsSaidBefore() {
        List<SweepListener.Estimate> said = new ArrayList<>();
        List<SweepManifest> planned = new ArrayList<>();
        List<Integer> windows = new ArrayList<>();
        SweepListener listener = new SweepListener() {
            @Override
            public void planned(SweepManifest manifest, int ready) {
                planned.add(manifest);
            }

            @Override
            public void estimated(Estimate estimate) {
                said.add(estimate);
            }

            @Override
            public void progress(Progress progress) {
                if (said.isEmpty()) windows.add(progress.windows());
            }
        };
        SweepRequestBuilder pair =
                request().reduce(List.of("loss")).b(RunRequest.builder().build());
        Done done = run(pair, "estimated", Share.ALL, listener);
        SweepListener.Estimate estimate = said.get(0);
        assertThat(said).hasSize(1);
        assertThat(estimate.tokens()).isEqualTo(done.manifest().read()).isEqualTo(done.tokens());
        assertThat(estimate.tokensPerSecond()).isPositive();
        assertThat(estimate.seconds()).isEqualTo(estimate.tokens() / estimate.tokensPerSecond());
        assertThat(windows.get(windows.size() - 1)).isLessThan(done.manifest().windows() / 2);
        // Both sides are one open model, whose weights are held once; the logits of a batch are held twice.
        SweepMemory memory = planned.get(0).memory();
        long vocab = inspector
                .models()
                .details(inspector.models().defaultSlug())
                .spec()
                .vocab();
        long rows = Math.min(5, done.manifest().batch());
        assertThat(memory.weights()).isEqualTo(done.manifest().engine().weightBytes());
        assertThat(memory.logits()).isEqualTo(rows * 16 * vocab * Float.BYTES).isEqualTo(memory.values());
        assertThat(memory.state()).isGreaterThan(done.manifest().read() * Integer.BYTES);
        said.clear();
        run(pair, "estimated", Share.ALL, listener);
        assertThat(said).as("of a repeated sweep, which is free").isEmpty();
    }

    /** What the program says of each document alone, summed. */
    @Test
    void theLossIsThatOfTheTexts() throws IOException {
        Done done = run(request().window(64), "loss");
        double sum = 0;
        long count = 0;
        for (String line : Files.readAllLines(corpus)) {
            String text = line.replaceAll(".*: \"|\"}", "");
            var scores = inspector
                    .runs()
                    .sampling()
                    .scores(RunRequest.builder().prompt(text).build(), null, null, null, 0);
            for (var t : scores.tokens()) {
                sum -= t.logprob();
                count++;
            }
        }
        try (SafetensorsFile loss = SafetensorsFile.open(done.files().get("loss"))) {
            Tensor sums = loss.tensor("window/sum");
            Tensor counts = loss.tensor("window/count");
            double all = 0;
            long n = 0;
            for (int w = 0; w < sums.size(); w++) {
                all += sums.get(w);
                n += (long) counts.get(w);
            }
            assertThat(n).isEqualTo(count);
            assertThat(all).isCloseTo(sum, within(1e-4 * count));
        }
        assertThat(done.manifest().documents()).isEqualTo(12);
    }

    /** An INT8 sweep is of the INT8 model: another loss than FP32's, and both engines agree in FP32. */
    @Test
    void eachEngineAndPrecisionHasItsOwnSweep() throws IOException {
        double torch = loss(run(side(null, null), "torch"));
        double onnx = loss(run(side("onnx", null), "onnx"));
        double int8 = loss(run(side("onnx", Precision.INT8), "int8"));
        assertThat(onnx).isCloseTo(torch, within(1e-4));
        assertThat(Math.abs(int8 - onnx)).isGreaterThan(1e-4);
        assertThat(parts("torch")).doesNotContainAnyElementsOf(parts("onnx"));
        assertThat(parts("onnx")).doesNotContainAnyElementsOf(parts("int8"));
    }

    /** Every window with attention's output of layer 0 set to zero: its moments say so, and the loss is another. */
    @Test
    void anInterventionIsInEveryWindow() throws IOException {
        String hook = HookPoint.ATTN_OUT.template().replace("{i}", "0");
        Intervention zero = new Intervention(hook, Intervention.Op.ZERO, null, null, null, null, null, null, null);
        SweepRequestBuilder changed = request()
                .reduce(List.of("moments", "loss"))
                .a(RunRequest.builder().interventions(List.of(zero)).build());
        Done done = run(changed, "zeroed");
        try (SafetensorsFile moments = SafetensorsFile.open(done.files().get("moments"))) {
            assertThat(moments.tensor(hook + "/max").toFloats()).containsOnly(0f);
            assertThat(moments.tensor(hook.replace(".0.", ".1.") + "/max").toFloats())
                    .doesNotContain(0f);
        }
        assertThat(loss(done)).isNotEqualTo(loss(run(request(), "unchanged")));
    }

    /** Of a model and itself nothing; of FP32 and INT8 the difference of both losses, and the interval holds the mean. */
    @Test
    void divergenceIsOfTwoSides() throws IOException {
        RunRequest fp32 = RunRequest.builder().engine("onnx").build();
        RunRequest int8 =
                RunRequest.builder().engine("onnx").precision(Precision.INT8).build();
        Done same = run(request().a(fp32).b(fp32).reduce(List.of("divergence")), "same");
        assertThat(same.files().keySet()).containsExactly("divergence");
        CorpusDivergence none = new SweepResults(new SweepFolder(temp.resolve("same"))).divergence();
        assertThat(none.meanKld().value()).isZero();
        assertThat(none.sameTop().value()).isEqualTo(1);
        Done done = run(request().a(fp32).b(int8).reduce(List.of("loss")), "pair");
        SweepResults results = new SweepResults(new SweepFolder(temp.resolve("pair")));
        CorpusDivergence d = results.divergence();
        double other = loss(run(request().a(int8).reduce(List.of("loss")), "alone"));
        assertThat(d.deltaNll().value()).isCloseTo(other - loss(done), within(1e-9));
        assertThat(d.meanKld().value())
                .isPositive()
                .isBetween(d.meanKld().low(), d.meanKld().high());
        assertThat(d.worst()).hasSize(12);
        assertThat(d.worst().get(0).meanKld())
                .isGreaterThanOrEqualTo(d.worst().get(11).meanKld());
        assertThat(results.loss().loss())
                .isBetween(results.loss().low(), results.loss().high());
        assertThatThrownBy(() -> run(request().reduce(List.of("divergence")), "no"))
                .hasMessageContaining("side b");
    }

    /** Importance matrix in the file that llama-quantize reads: for each matrix as many sums as it reads channels. */
    @Test
    void theMergedFolderHasAnImportanceMatrix() throws IOException {
        Done done = run(request().reduce(List.of("imatrix")), "imatrix");
        GgufFile file = GgufFile.open(done.files().get("imatrix.gguf"));
        assertThat(file.tensors().get("blk.0.attn_q.weight.in_sum2").shape()).endsWith(64L);
        assertThat(file.tensors()).containsKeys("blk.1.ffn_down.weight.counts", "blk.1.ffn_up.weight.in_sum2");
    }

    /** A report over a sweep: its folder, its file and the sums themselves say the same of a matrix. */
    @Test
    void quantizationErrorsAreWeightedByASweep() {
        Done done = run(request().reduce(List.of("imatrix")), "weigh");
        String slug = done.manifest().model().slug();
        Importance folder =
                inspector.importances().at(slug, temp.resolve("weigh").toString(), () -> false);
        Importance file = inspector
                .importances()
                .at(slug, done.files().get("imatrix.gguf").toString(), () -> false);
        QuantReport report =
                inspector.models().weights().report(slug, QuantScheme.of("int4"), folder, p -> {}, () -> false);
        String down = "blocks.1.mlp.out.weight";
        QuantReport.Row row = report.weights().stream()
                .filter(r -> r.name().equals(down))
                .findFirst()
                .orElseThrow();
        float[] w = inspector.models().weights().tensor(slug, down, null, null).toFloats();
        double[] means = folder.of(down);
        double signal = 0;
        for (int i = 0; i < w.length; i++) signal += means[i % means.length] * w[i] * w[i];
        assertThat(row.error().weighted().norm()).isCloseTo(Math.sqrt(signal), within(1e-9 * Math.sqrt(signal)));
        assertThat(inspector
                        .models()
                        .weights()
                        .statistics(slug, down, List.of(QuantScheme.of("int4")), file, () -> false)
                        .schemes()
                        .get(0)
                        .error()
                        .weighted()
                        .relative())
                .isCloseTo(row.error().weighted().relative(), within(1e-6));
        // As the file has it, whose columns are inputs too.
        WeightStatistics inFile = inspector
                .models()
                .weights()
                .statistics(slug, row.tensor(), List.of(QuantScheme.of("int4")), folder, () -> false);
        assertThat(inFile.schemes().get(0).error()).isEqualTo(row.error());
        assertThat(report.importance().without()).doesNotContain(down).contains("embed.weight");
        assertThat(report.importance().tokens()).isEqualTo(done.manifest().tokens());
        assertThat(report.error().weighted().relative()).isPositive();
        double last = -1e9;
        for (QuantReport.Row r : report.weights()) {
            if (r.error() == null || r.error().weighted() == null) break;
            assertThat(r.error().weighted().sqnrDb()).isGreaterThanOrEqualTo(last);
            last = r.error().weighted().sqnrDb();
        }
        assertThat(last).isPositive();
        assertThatThrownBy(() -> inspector.importances().named(slug, "newest", () -> false))
                .hasMessageContaining("--reduce imatrix");
        assertThatThrownBy(() ->
                        inspector.importances().at("gpt2", temp.resolve("weigh").toString(), () -> false))
                .hasMessageContaining("another model");
        assertThatThrownBy(() -> inspector.importances().named(slug, "../weigh/imatrix.gguf", () -> false))
                .hasMessageContaining("no such importance matrix");
    }

    /** GPT-2's file has its matrices [in, out]: means of inputs are not laid over columns that are outputs. */
    @Test
    void aTensorWhoseColumnsAreOutputsIsNotWeighted() {
        double[] means = new double[64];
        java.util.Arrays.fill(means, 2);
        Importance all = new Importance(
                "1",
                "test",
                List.of(),
                1,
                java.util.Map.of("blocks.0.attn.o.weight", means, "blocks.0.attn.q.weight", means));
        String inFile = "transformer.h.0.attn.c_proj.weight";
        WeightStatistics s = inspector
                .models()
                .weights()
                .statistics("gpt2", inFile, List.of(QuantScheme.of("int8")), all, () -> false);
        assertThat(inspector.models().weights().shape("gpt2", inFile)).containsExactly(64L, 64L);
        assertThat(s.schemes().get(0).error().weighted()).isNull();
        assertThat(s.importance().without()).containsExactly(inFile);
        WeightStatistics canonical = inspector
                .models()
                .weights()
                .statistics("gpt2", "blocks.0.attn.o.weight", List.of(QuantScheme.of("int8")), all, () -> false);
        assertThat(canonical.schemes().get(0).error().weighted()).isNotNull();
    }

    /** Into a folder with another request's results: none of them is taken for this one's. */
    @Test
    void anEarlierRequestsResultsAreNotKept() throws IOException {
        run(request().reduce(List.of("moments", "loss", "imatrix")), "again");
        Done done = run(request().reduce(List.of("loss")), "again");
        assertThat(done.files().keySet()).containsExactly("loss");
        assertThat(new SweepResults(new SweepFolder(temp.resolve("again"))).entries())
                .extracting(SweepResults.Entry::kind)
                .containsOnly("loss");
        assertThat(temp.resolve("again/imatrix.gguf")).doesNotExist();
    }

    @Test
    void twoModelsThatCannotBeComparedAreRefused() {
        RunRequest other = RunRequest.builder().model("gpt2").build();
        assertThatThrownBy(() -> run(request().b(other), "no")).isInstanceOf(Problem.class);
        assertThatThrownBy(() -> run(request().reduce(List.of()), "no")).hasMessageContaining("keep nothing");
    }

    private static SweepRequestBuilder side(String engine, Precision precision) {
        RunRequestBuilder a = RunRequest.builder().engine(engine).precision(precision);
        return request().a(a.build()).reduce(List.of("loss"));
    }

    private static double loss(Done done) {
        try (SafetensorsFile loss = SafetensorsFile.open(done.files().get("loss"))) {
            double sum = 0;
            double count = 0;
            for (int p = 0; p < loss.tensor("position/sum").size(); p++) {
                sum += loss.tensor("position/sum").get(p);
                count += loss.tensor("position/count").get(p);
            }
            return sum / count;
        }
    }

    @Test
    void whatCannotBeSweptIsRefusedBeforeAnythingRuns() {
        assertThatThrownBy(() -> run(request().window(1 << 20), "no")).hasMessageContaining("context");
        assertThatThrownBy(() -> run(request().shardWindows(0), "no")).hasMessageContaining("shard_windows");
        assertThatThrownBy(() -> run(request().reduce(List.of("moment")), "no"))
                .hasMessageContaining("closest: moments");
        assertThatThrownBy(() -> run(request().corpus(null), "no")).hasMessageContaining("corpus.path");
        assertThatThrownBy(() -> new Share(2, 2)).isInstanceOf(Problem.class);
        assertThatThrownBy(() -> inspector
                        .sweeps()
                        .run(request().build(), temp.resolve("no"), Share.ALL, 10, SweepListener.NONE))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("parts, ");
        assertThat(temp.resolve("no")).doesNotExist();
        assertThatThrownBy(() -> inspector.sweeps().merge(temp.resolve("no"), null))
                .hasMessageContaining("no sweep in this folder");
    }

    /** A part that was cut is not merged as if it were whole. */
    @Test
    void aDamagedPartIsRefusedByName() throws IOException {
        Done done = run(request(), "damaged");
        Path part = temp.resolve("damaged/parts/" + done.manifest().parts().get(1) + ".safetensors");
        byte[] bytes = Files.readAllBytes(part);
        Files.delete(part);
        Files.write(part, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(() -> inspector.sweeps().merge(temp.resolve("damaged"), null))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(done.manifest().parts().get(1));
    }

    @Test
    void progressHasARateAndTheTimeLeft() {
        List<SweepListener.Progress> seen = new ArrayList<>();
        List<Integer> ready = new ArrayList<>();
        run(request(), "progress", Share.ALL, new SweepListener() {
            @Override
            public void planned(SweepManifest manifest, int there) {
                ready.add(there);
                assertThat(manifest.bytes()).isPositive();
            }

            @Override
            public void progress(Progress progress) {
                seen.add(progress);
            }
        });
        assertThat(ready).containsExactly(0);
        assertThat(seen).extracting(SweepListener.Progress::phase).contains("reading", "opening", "running", "merging");
        SweepListener.Progress last = seen.get(seen.size() - 2);
        assertThat(last.shards()).isEqualTo(last.of());
        assertThat(last.tokensPerSecond()).isPositive();
        assertThat(last.secondsLeft()).isCloseTo(0, within(1e-9));
    }
}
