package org.llminspector.capture;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** What does not fit is refused before a run, and so is one value that no buffer holds, whatever the budget. */
class CaptureBudgetTest {

    private static final HookId PATTERN = HookId.parse("blocks.0.attn.hook_pattern");

    private static DecoderSpec spec() {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of("src/test/resources/golden/hf/llama"))) {
            return Family.open(checkpoint).spec();
        }
    }

    @Test
    void aValueOf2GiBIsRefusedWithItsName() {
        DecoderSpec spec = spec();
        long heads = spec.layers().get(0).attention().nHeads();
        long fits = (long) Math.sqrt(CaptureBudget.ONE / (4.0 * heads));
        CaptureBudget plenty = new CaptureBudget(1L << 60);
        assertThatCode(() -> plenty.check(spec, List.of(PATTERN), fits)).doesNotThrowAnyException();
        assertThatThrownBy(() -> plenty.check(spec, List.of(PATTERN), fits + 1))
                .isInstanceOfSatisfying(Problem.class, p -> org.assertj.core.api.Assertions.assertThat(p.kind())
                        .isEqualTo(Problem.Kind.TOO_LARGE))
                .hasMessageContaining("blocks.0.attn.hook_pattern")
                .hasMessageContaining("2.00 GiB");
        // Nor does a session that is opened without that check begin.
        int long40k = 40_000;
        assertThatThrownBy(() -> new CaptureBuffers(spec, List.of(PATTERN), long40k, new CaptureMemory()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("blocks.0.attn.hook_pattern");
    }

    @Test
    void whatExceedsTheBudgetIsRefusedWithBothNumbers() {
        DecoderSpec spec = spec();
        long bytes = CaptureBudget.bytes(spec, List.of(PATTERN), 16);
        assertThatCode(() -> new CaptureBudget(bytes).check(spec, List.of(PATTERN), 16))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> new CaptureBudget(bytes - 1).check(spec, List.of(PATTERN), 16))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(ByteCount.of(bytes));
    }
}
