package org.llminspector.hook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.spec.DecoderSpec;

/** Names, globs and what is said when they miss. */
class HookPatternsTest {

    private static final DecoderSpec LLAMA = spec("llama");
    private static final DecoderSpec GPT2 = spec("gpt2");

    private static DecoderSpec spec(String model) {
        try (Checkpoint c = Checkpoint.open(Golden.ROOT.resolve(model))) {
            return Family.open(c).spec();
        }
    }

    @Test
    void globsPickLayersAndPoints() {
        assertThat(HookPatterns.match(LLAMA, List.of("blocks.*.attn.hook_pattern")))
                .hasSize(4);
        assertThat(HookPatterns.match(LLAMA, List.of("blocks.3.*"))).allMatch(h -> h.layer() == 3);
        assertThat(HookPatterns.match(LLAMA, List.of("*"))).isEqualTo(HookPatterns.all(LLAMA));
        assertThat(HookPatterns.match(GPT2, List.of("hook_?os_embed", "logits")))
                .hasSize(2);
    }

    @Test
    void namesRoundTripInDataOrder() {
        List<HookId> all = List.copyOf(HookPatterns.all(LLAMA));
        assertThat(all).allMatch(id -> HookId.parse(id.name()).equals(id)).isSorted();
        assertThat(all.get(0).name()).isEqualTo("hook_embed");
        assertThat(all.get(all.size() - 1).name()).isEqualTo("logits");
        assertThat(all.indexOf(HookId.parse("blocks.1.hook_resid_pre")))
                .isGreaterThan(all.indexOf(HookId.parse("blocks.0.hook_resid_post")));
    }

    @Test
    void everyHookOfTheHouseIsInTheTable() {
        List<String> names =
                Arrays.stream(HookPoint.values()).map(HookPoint::template).toList();
        assertThat(names).doesNotHaveDuplicates();
        assertThat(names)
                .contains(
                        "blocks.{i}.ln1.hook_normalized",
                        "blocks.{i}.attn.hook_rot_k",
                        "blocks.{i}.attn.hook_attn_scores",
                        "blocks.{i}.attn.hook_result",
                        "blocks.{i}.mlp.hook_pre_linear",
                        "ln_final.hook_out");
    }

    @Test
    void aMissNamesTheClosest() {
        assertThatThrownBy(() -> HookPatterns.match(LLAMA, List.of("blocks.0.hook_resid_pots")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("blocks.0.hook_resid_post");
        assertThatThrownBy(() -> HookPatterns.match(GPT2, List.of("blocks.0.attn.hook_rot_q")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no RoPE");
        assertThatThrownBy(() -> HookPatterns.match(LLAMA, List.of("x".repeat(100_000))))
                .isInstanceOf(Problem.class);
    }
}
