package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

class ReducersTest {

    private static final SweptModel MODEL = SweptModel.of(SampleCorpus.SPEC);

    @Test
    void defaultHooksAreThoseOfTheModel() {
        List<Reducer> all = Reducers.of(List.of("moments"), MODEL, List.of());
        assertThat(Reducers.hooks(all))
                .extracting(Object::toString)
                .containsExactly(
                        "blocks.0.hook_resid_pre",
                        "blocks.0.hook_attn_out",
                        "blocks.0.mlp.hook_post",
                        "blocks.0.hook_mlp_out",
                        "blocks.0.hook_resid_post",
                        "blocks.1.hook_attn_out",
                        "blocks.1.hook_mlp_out",
                        "blocks.1.hook_resid_post",
                        "ln_final.hook_out");
    }

    @Test
    void hooksAreChosenForAllOrForOne() {
        assertThat(Reducers.of(List.of("moments"), MODEL, List.of("blocks.*.attn.hook_z"))
                        .get(0)
                        .hooks())
                .hasSize(2);
        assertThat(Reducers.of(List.of("moments:blocks.0.attn.hook_z"), MODEL, List.of("blocks.*.hook_resid_post"))
                        .get(0)
                        .hooks())
                .hasToString("[blocks.0.attn.hook_z]");
    }

    @Test
    void whatCannotBeReducedIsRefused() {
        assertThatThrownBy(() -> Reducers.of(List.of("moment"), MODEL, List.of()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("moments");
        assertThatThrownBy(() -> Reducers.of(List.of("moments"), MODEL, List.of("*.hook_pattern")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("blocks.0.attn.hook_pattern");
    }
}
