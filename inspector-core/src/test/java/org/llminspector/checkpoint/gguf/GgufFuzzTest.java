package org.llminspector.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import net.jqwik.api.statistics.StatisticsReport.StatisticsReportMode;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Mutator;

/** Mutated files are opened correctly or refused with a Problem, never anything else. */
class GgufFuzzTest {

    private static final byte[] SEED = seed();

    private static Path dir;

    private static byte[] seed() {
        RawGguf raw = new RawGguf()
                .put("general.architecture", "llama")
                .put("general.alignment", 32)
                .put("llama.rope.freq_base", 10_000f)
                .put("tokenizer.ggml.tokens", List.of("a", "▁b", ""))
                .put("tokenizer.ggml.scores", new float[] {0, -1, -2})
                .put("tokenizer.ggml.token_type", new int[] {1, 1, 3})
                .put("nested", RawGguf.numbers(4, 9, 4, 9, 8, 1, 4, 4, 8, 2, 4, 5, 4, 6));
        raw.tensor("token_embd.weight", 0, 0, 4, 3).tensor("q", 8, 64, 32, 2).tensor("k", 12, 160, 256);
        raw.data = new byte[160 + 144];
        return raw.bytes();
    }

    @BeforeContainer
    static void makeFolder() throws IOException {
        dir = Files.createTempDirectory("gguf-fuzz");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        Files.deleteIfExists(dir.resolve("x.gguf"));
        Files.delete(dir);
    }

    @Property(
            tries = 1_000,
            seed = "20261125",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    @StatisticsReport(StatisticsReportMode.OFF)
    void mutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        Statistics.collect(check(mutated(seed)));
        // Mutants that all open, or that all fall at the first check, would test nothing.
        Statistics.coverage(c -> c.check("opened").percentage(p -> p > 5 && p < 70));
    }

    @Tag("long")
    @Property(
            tries = 100_000,
            seed = "7",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    void manyMutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        check(mutated(seed));
    }

    private static byte[] mutated(long seed) {
        Mutator m = new Mutator(seed);
        byte[] bytes = SEED;
        for (int n = m.below(4); n > 0; n--) bytes = m.overwritten(bytes);
        return switch (m.below(8)) {
            case 0 -> m.cut(bytes);
            case 1 -> m.spliced(bytes);
            default -> bytes;
        };
    }

    /** What became of the file: opened, or why not. */
    private static String check(byte[] bytes) throws IOException {
        Path path = Files.write(dir.resolve("x.gguf"), bytes);
        try {
            GgufFile file = GgufFile.open(path);
            long covered = 0;
            for (GgufTensor t : file.tensors().values()) {
                Tensor tensor = file.tensor(t.name());
                assertThat(tensor.size()).isEqualTo(t.elements());
                assertThat(t.offset() + t.bytes()).isLessThanOrEqualTo(bytes.length);
                for (int i = 0; i < tensor.size(); i++) tensor.get(i);
                covered += t.bytes();
            }
            assertThat(covered).isLessThanOrEqualTo(bytes.length);
            return "opened";
        } catch (Problem p) {
            assertThat(p.kind()).isIn(Problem.Kind.INVALID, Problem.Kind.UNSUPPORTED, Problem.Kind.TOO_LARGE);
            assertThat(p.where()).contains(path.toString());
            return p.what();
        }
    }
}
