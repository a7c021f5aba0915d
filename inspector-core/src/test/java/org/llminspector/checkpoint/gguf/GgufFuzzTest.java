package org.llminspector.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.FuzzTest;
import org.llminspector.checkpoint.Mutator;

/** Mutated files are opened correctly or refused with a Problem, never anything else. */
class GgufFuzzTest extends FuzzTest {

    private static final byte[] SEED = seed();

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

    @Override
    protected byte[] mutant(Mutator m) {
        byte[] bytes = SEED;
        for (int n = m.below(4); n > 0; n--) bytes = m.overwritten(bytes);
        return switch (m.below(8)) {
            case 0 -> m.cut(bytes);
            case 1 -> m.spliced(bytes);
            default -> bytes;
        };
    }

    @Override
    protected void open(byte[] mutant) {
        GgufFile gguf = GgufFile.open(file);
        long covered = 0;
        for (GgufTensor t : gguf.tensors().values()) {
            Tensor tensor = gguf.tensor(t.name());
            assertThat(tensor.size()).isEqualTo(t.elements());
            assertThat(t.offset() + t.bytes()).isLessThanOrEqualTo(mutant.length);
            for (int i = 0; i < tensor.size(); i++) tensor.get(i);
            covered += t.bytes();
        }
        assertThat(covered).isLessThanOrEqualTo(mutant.length);
    }
}
