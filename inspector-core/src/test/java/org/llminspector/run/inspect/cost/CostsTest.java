package org.llminspector.run.inspect.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Part;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.DecoderSpec;

/** scripts/golden/make_costs.py counted parameters with transformers, and FLOPs with PyTorch's FlopCounterMode. */
public class CostsTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    static List<String> goldens() {
        return Golden.in(Golden.ROOT).stream()
                .map(d -> d.getFileName().toString())
                .toList();
    }

    private static RunRequest of(String model) {
        return RunRequest.builder().model(model).device("cpu").build();
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void countsWhatTransformersAndPyTorchCount(String model) {
        JsonNode counted =
                Json.readObject(Path.of("src/test/resources/costs.json")).get(model);
        Costs.Cost cost =
                inspector.analyses().costs().cost(of(model), counted.get("past").asInt(), 1, null);
        assertThat(cost.parameters()).isEqualTo(counted.get("parameters").asLong());
        assertThat(cost.flops()).isEqualTo(counted.get("flops").asLong());
        assertThat(cost.parts().stream().mapToLong(PartCost::parameters).sum()).isEqualTo(cost.parameters());
    }

    static List<String> families() {
        return Golden.in(Golden.FAMILIES).stream()
                .map(d -> d.getFileName().toString())
                .toList();
    }

    @ParameterizedTest
    @MethodSource("families")
    void theirPartsHaveAllParameters(String model) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.FAMILIES.resolve(model))) {
            Weights weights = Family.open(checkpoint);
            long all = weights.names().stream()
                    .mapToLong(name -> Tensor.elements(weights.shape(name)))
                    .sum();
            List<PartCost> parts = PartCost.of(weights.spec(), KvFormats.FP32, (module, in) -> Float.BYTES, 0, 1);
            assertThat(parts.stream().mapToLong(PartCost::parameters).sum()).isEqualTo(all);
        }
    }

    /** Each canonical weight is in one part, and its FLOPs are those of its matrix; those of scores, of the pairs not masked. */
    @ParameterizedTest
    @MethodSource("goldens")
    void aPassCostsItsMatricesAndThePairsThatAreSeen(String model) {
        try (Golden g = new Golden(Golden.ROOT.resolve(model))) {
            DecoderSpec spec = g.engine.spec();
            int past = 9;
            int tokens = 5;
            Map<Part, Long> parameters = new TreeMap<>();
            long flops = 0;
            for (String name : g.weights.names()) {
                long size = Tensor.elements(g.weights.shape(name));
                parameters.merge(part(name), size, Long::sum);
                boolean matrix = g.weights.shape(name).length == 2;
                if (matrix && name.startsWith("blocks.")) flops += 2 * size * tokens;
            }
            flops += 2L * spec.vocab() * spec.dModel();
            long pairs = 0;
            int[] ids = new int[past + tokens];
            for (int i = 0; i < ids.length; i++) ids[i] = i % spec.vocab();
            try (Session session = g.engine.begin(new SessionRequest(
                    ids.length,
                    new TreeSet<>(HookPatterns.match(spec, List.of("blocks.*.attn.hook_attn_scores"))),
                    List.of(),
                    List.of()))) {
                session.append(ids);
                Capture c = session.capture();
                for (int i = 0; i < spec.nLayers(); i++) {
                    float[] scores = c.get(HookId.of(HookPoint.ATTN_SCORES, i)).toFloats();
                    int heads = spec.layers().get(i).attention().nHeads();
                    for (int h = 0; h < heads; h++) {
                        for (int q = past; q < ids.length; q++) {
                            for (int k = 0; k < ids.length; k++) {
                                float s = scores[(h * ids.length + q) * ids.length + k];
                                if (s != Float.NEGATIVE_INFINITY)
                                    pairs += spec.layers().get(i).attention().dHead();
                            }
                        }
                    }
                }
            }
            flops += 2 * 2 * pairs;
            Costs.Cost cost = inspector.analyses().costs().cost(of(model), past, tokens, null);
            assertThat(cost.flops()).isEqualTo(flops);
            Map<Part, Long> counted = cost.parts().stream()
                    .filter(p -> p.parameters() > 0)
                    .collect(Collectors.toMap(PartCost::part, PartCost::parameters, Long::sum, TreeMap::new));
            assertThat(counted).isEqualTo(parameters);
        }
    }

    private static Part part(String weight) {
        if (weight.startsWith("embed") || weight.startsWith("pos_embed")) return Part.EMBED;
        String name = weight.replaceFirst("^blocks\\.[0-9]+\\.", "").replaceFirst("\\.(weight|bias)$", "");
        return switch (name) {
            case "attn.q", "attn.k", "attn.v", "attn.q_norm", "attn.k_norm" -> Part.QKV;
            case "mlp.gate", "mlp.in" -> Part.MLP_IN;
            default ->
                Stream.of(Part.values())
                        .filter(p -> p.label().equals(name))
                        .findFirst()
                        .orElseThrow();
        };
    }

    /** The last token of a pass reads its bytes; those kept are what a run's cache says. */
    @ParameterizedTest
    @MethodSource("goldens")
    void aCachesBytesAreTheRunsOwn(String model) {
        List<Integer> ids = List.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20);
        for (String engine : List.of("torch", "onnx")) {
            RunRequest r = of(model).toBuilder().engine(engine).tokens(ids).build();
            var measured = inspector.runs().run(r, RunListener.NONE).kvCache();
            Costs.Cost cost = inspector.analyses().costs().cost(r, ids.size() - 1, 1, List.of(ids.size()));
            assertThat(cost.cache()).extracting(Costs.LayerCache::keptBytes).isEqualTo(measured.layers());
            assertThat(cost.contexts().get(0).keptBytes()).isEqualTo(measured.bytes());
            assertThat(cost.kvCache()).isEqualTo(measured.formats());
            assertThat(cost.cacheWriteBytes() * ids.size()).isEqualTo(measured.bytes());
            assertThat(cost.cacheReadBytes()).isEqualTo(cost.contexts().get(0).neededBytes());
            assertThat(cost.room().held()).isNotNull();
        }
    }

    @Test
    void aWindowNeedsNoMoreThanItself() {
        Costs.Cost cost = inspector.analyses().costs().cost(of("gemma3"), 40, 1, List.of(4, 41));
        assertThat(cost.cache())
                .anyMatch(l -> l.window() != null && l.neededBytes() == l.bytesPerPosition() * l.window());
        assertThat(cost.contexts().get(0).neededBytes())
                .isEqualTo(cost.contexts().get(0).keptBytes());
        assertThat(cost.contexts().get(1).neededBytes())
                .isLessThan(cost.contexts().get(1).keptBytes());
    }

    @Test
    void whatFitsFitsAndOneMoreDoesNot() {
        Costs.Room room =
                inspector.analyses().costs().cost(of("llama"), null, null, null).room();
        int most = Math.toIntExact(room.fitsPositions());
        List<Costs.AtContext> at = inspector
                .analyses()
                .costs()
                .cost(of("llama"), null, null, List.of(most, most + 1))
                .contexts();
        assertThat(at).extracting(Costs.AtContext::fits).containsExactly(true, false);
    }

    @Test
    void fewerBitsAreFewerBytes() {
        List<Long> bytes = new ArrayList<>();
        for (Precision p : List.of(Precision.FP32, Precision.INT8, Precision.INT4_128)) {
            RunRequest r = of("llama").toBuilder().engine("onnx").precision(p).build();
            bytes.add(inspector.analyses().costs().cost(r, 3, 1, null).weightBytes());
        }
        assertThat(bytes.get(0)).isGreaterThan(3 * bytes.get(1));
        assertThat(bytes.get(1)).isGreaterThan(bytes.get(2));
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void everyPartThatCostsIsTimed(String model) {
        RunRequest r = of(model).toBuilder().tokens(List.of(3, 4, 5)).build();
        Timelines.Timeline t = inspector.analyses().timelines().timeline(r, 7, 3);
        assertThat(t.past()).isEqualTo(7);
        assertThat(t.tokens()).hasSize(3);
        assertThat(t.engine().form()).isEqualTo("hooked");
        Set<List<Object>> costs = inspector.analyses().costs().cost(of(model), 7, 1, null).parts().stream()
                .map(p -> key(p.part(), p.layer()))
                .collect(Collectors.toSet());
        for (Timelines.Timed pass : List.of(t.prefill(), t.decode())) {
            assertThat(pass.parts().stream().map(p -> key(p.part(), p.layer())).toList())
                    .containsAll(costs);
            double sum = pass.parts().stream().mapToDouble(p -> p.ms().min()).sum();
            assertThat(sum).isPositive().isLessThanOrEqualTo(pass.hooked().max());
        }
        RunRequest greedy = r.toBuilder()
                .tokens(List.of(3, 4, 5, 3, 4, 5, 3))
                .generate(
                        new GenerateOptions(3, true, null, null, null, null, null, null, null, null, true, null, null))
                .build();
        assertThat(inspector.runs().run(greedy, RunListener.NONE).generation().steps())
                .extracting(s -> s.token().id())
                .isEqualTo(t.tokens());
    }

    private static List<Object> key(Part part, Integer layer) {
        return List.of(part, layer == null ? -1 : layer);
    }

    @Test
    void whatCannotBeTimedIsRefusedByName() {
        RunRequest r = of("llama").toBuilder().tokens(List.of(1, 2)).build();
        Problem onnx = catchThrowableOfType(Problem.class, () -> inspector
                .analyses()
                .timelines()
                .timeline(r.toBuilder().engine("onnx").build(), null, null));
        assertThat(onnx.where()).isEqualTo("engine");
        Problem many = catchThrowableOfType(
                Problem.class, () -> inspector.analyses().timelines().timeline(r, 1_000_000, 1));
        assertThat(many.where()).contains("positions");
        Problem captured = catchThrowableOfType(Problem.class, () -> inspector
                .analyses()
                .timelines()
                .timeline(r.toBuilder().capture(List.of("logits")).build(), null, null));
        assertThat(captured.where()).isEqualTo("capture");
    }
}
