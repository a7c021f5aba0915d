package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.CacheGrowth;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;

/** KV caches grow in chunks: what is read past a chunk's edge is what one pass over all of it reads, and memory follows the tokens. */
class KvGrowthTest {

    private static final int CONTEXT = 4096;
    private static final int LENGTH = 700;

    /** Passes that end before, on and after the edges of chunks. */
    private static final int[] PASSES = {3, 1, 251, 1, 1, 126, 1, 1, 190, 1, 1, 123};

    @TempDir
    Path temp;

    @TestFactory
    Stream<DynamicTest> growing() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path golden : List.of(
                Golden.ROOT.resolve("llama"),
                Golden.ROOT.resolve("gemma3"),
                Golden.FAMILIES.resolve("deepseek_v3"),
                Golden.FAMILIES.resolve("lfm2"))) {
            for (Kind kind : Kind.here()) {
                for (KvFormats formats : List.of(KvFormats.FP32, new KvFormats(KvFormat.INT8, KvFormat.FP16))) {
                    String name = Golden.name(golden) + " on " + kind + ", " + formats.words();
                    tests.add(DynamicTest.dynamicTest(name, () -> grows(golden, kind, formats)));
                }
            }
        }
        return tests.stream();
    }

    private void grows(Path golden, Kind kind, KvFormats formats) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(longer(golden))) {
            Weights weights = Family.open(checkpoint);
            try (InspectorEngine engine = kind.open(weights, formats)) {
                int[] ids = IntStream.range(0, LENGTH)
                        .map(i -> i * 7919 % weights.spec().vocab())
                        .toArray();
                float[] whole;
                try (Session s = engine.begin(SessionRequest.plain(LENGTH))) {
                    whole = s.append(ids);
                }
                float[] exact = pieces(engine, ids, LENGTH, kind);
                float[] roomy = pieces(engine, ids, CONTEXT, kind);
                assertThat(roomy)
                        .as("what the sequence could reach changes no bit")
                        .containsExactly(exact);
                double noise = formats.equals(KvFormats.FP32) ? 2e-3 : 5e-2;
                assertThat(Golden.maxAbsDiff(exact, whole)).isLessThan(noise);
            }
        }
    }

    /** The last logits after these tokens, pass by pass. */
    private static float[] pieces(InspectorEngine engine, int[] ids, int most, Kind kind) {
        float[] logits = {};
        try (Session s = engine.begin(new SessionRequest(most, new TreeSet<>(), List.of(), List.of()))) {
            int at = 0;
            for (int n : PASSES) {
                logits = s.append(Arrays.copyOfRange(ids, at, at + n));
                at += n;
                long row = s.kvCache().bytes() / at;
                if (kind.gpu()) continue;
                assertThat(s.kvCache().allocatedBytes())
                        .isGreaterThanOrEqualTo(row * at)
                        .isLessThanOrEqualTo(row * Math.min(most, at * 3L / 2 + 2 * CacheGrowth.CHUNK));
            }
            assertThat(at).isEqualTo(LENGTH);
        }
        return logits;
    }

    /** A copy of the model with a longer context; where its angles are trained for a shorter one, they are what they are. */
    private Path longer(Path golden) throws IOException {
        Path dir = Files.createDirectories(temp.resolve(golden.getFileName()));
        try (Stream<Path> files = Files.list(golden)) {
            for (Path f : files.toList()) {
                if (f.toString().endsWith(".safetensors")
                        && !f.getFileName().toString().startsWith("golden")) {
                    Path to = dir.resolve(f.getFileName());
                    if (!Files.exists(to)) Files.copy(f, to);
                }
            }
        }
        ObjectMapper json = new ObjectMapper();
        ObjectNode config =
                (ObjectNode) json.readTree(golden.resolve("config.json").toFile());
        json.writeValue(dir.resolve("config.json").toFile(), config.put("max_position_embeddings", CONTEXT));
        return dir;
    }

    @Test
    void capacityFollowsTheTokensUpToWhatTheSequenceCanReach() {
        assertThat(CacheGrowth.capacity(0, 1, 131_072)).isEqualTo(256);
        assertThat(CacheGrowth.capacity(256, 256, 131_072)).isEqualTo(256);
        assertThat(CacheGrowth.capacity(256, 257, 131_072)).isEqualTo(512);
        assertThat(CacheGrowth.capacity(100_000, 100_001, 131_072)).isEqualTo(131_072);
        assertThat(CacheGrowth.capacity(1_600_000_000, 1_600_000_001, Integer.MAX_VALUE))
                .isEqualTo(Integer.MAX_VALUE);
        assertThat(CacheGrowth.capacity(0, 10, 12)).isEqualTo(12);
    }

    @Test
    void aPassPastTheEndIsRefused() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"), Kind.TORCH);
                Session s = g.engine.begin(SessionRequest.plain(4))) {
            s.append(new int[] {1, 2, 3});
            assertThatThrownBy(() -> s.append(new int[] {4, 5})).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
