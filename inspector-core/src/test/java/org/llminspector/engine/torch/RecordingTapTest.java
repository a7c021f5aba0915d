package org.llminspector.engine.torch;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class RecordingTapTest {

    /** A hook point with a row in HookPoint and no tap in the decoder is refused by name, and no memory is handed out. */
    @Test
    void aValueThatNoTapGaveIsNotCopied() {
        RecordingTap tap = new RecordingTap(Set.of(HookId.of(HookPoint.PATTERN, 0)), Map.of(), true, Set.of());
        assertThatThrownBy(() -> tap.copyOut(null))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("blocks.0.attn.hook_pattern");
    }
}
