package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.engine.LearnerInfo;
import org.llminspector.train.Sittings.Sitting;

/** A training run says what computed which of its updates, and whether a shipped model's losses are to be expected. */
class SittingsTest {

    private static final LearnerInfo HELD = new LearnerInfo("cpu", LearnerInfo.AVX2, 1);
    private static final LearnerInfo CHOSEN = new LearnerInfo("cpu", null, 1);
    private static final LearnerInfo GPU = new LearnerInfo("cuda:0", null, 1);

    @TempDir
    Path folder;

    @Test
    void whatComputesIsNotedWhereItChanges() {
        assertThat(Sittings.read(folder).sittings()).isEmpty();
        Sittings.note(folder, 0, HELD);
        Sittings.note(folder, 10, HELD);
        assertThat(Sittings.read(folder).sittings()).containsExactly(new Sitting(0, HELD));
        assertThat(Sittings.read(folder).differs()).isNull();
        Sittings.note(folder, 20, CHOSEN);
        assertThat(Sittings.read(folder).sittings()).containsExactly(new Sitting(0, HELD), new Sitting(20, CHOSEN));
        assertThat(Sittings.read(folder).differs()).contains("ATEN_CPU_CAPABILITY=avx2");
    }

    @Test
    void updatesThatAreMadeAgainAreNotThoseOfBefore() {
        Sittings.note(folder, 0, HELD);
        Sittings.note(folder, 20, CHOSEN);
        Sittings.note(folder, 10, GPU);
        assertThat(Sittings.read(folder).sittings()).containsExactly(new Sitting(0, HELD), new Sitting(10, GPU));
        Sittings.note(folder, 10, HELD);
        assertThat(Sittings.read(folder).sittings()).isEqualTo(List.of(new Sitting(0, HELD)));
    }

    @Test
    void onlyTheHeldCpuGivesTheShippedLosses() {
        assertThat(Sittings.differs(HELD)).isNull();
        assertThat(Sittings.differs(CHOSEN)).contains("MKL_ENABLE_INSTRUCTIONS=AVX2");
        assertThat(Sittings.differs(GPU)).contains("device cpu");
    }
}
