package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.engine.LearnerInfo;
import org.llminspector.train.TrainingEnvironments.Sitting;

/** A training run says what computed which of its updates, and whether a shipped model's losses are to be expected. */
class TrainingEnvironmentsTest {

    private static final LearnerInfo HELD = new LearnerInfo("cpu", LearnerInfo.AVX2, 1);
    private static final LearnerInfo CHOSEN = new LearnerInfo("cpu", null, 1);
    private static final LearnerInfo GPU = new LearnerInfo("cuda:0", null, 1);

    @TempDir
    Path folder;

    @Test
    void whatComputesIsNotedWhereItChanges() {
        assertThat(TrainingEnvironments.read(folder).sittings()).isEmpty();
        TrainingEnvironments.note(folder, 0, HELD);
        TrainingEnvironments.note(folder, 10, HELD);
        assertThat(TrainingEnvironments.read(folder).sittings()).containsExactly(new Sitting(0, HELD));
        assertThat(TrainingEnvironments.read(folder).differs()).isNull();
        TrainingEnvironments.note(folder, 20, CHOSEN);
        assertThat(TrainingEnvironments.read(folder).sittings())
                .containsExactly(new Sitting(0, HELD), new Sitting(20, CHOSEN));
        assertThat(TrainingEnvironments.read(folder).differs()).contains("ATEN_CPU_CAPABILITY=avx2");
    }

    @Test
    void updatesThatAreMadeAgainAreNotThoseOfBefore() {
        TrainingEnvironments.note(folder, 0, HELD);
        TrainingEnvironments.note(folder, 20, CHOSEN);
        TrainingEnvironments.note(folder, 10, GPU);
        assertThat(TrainingEnvironments.read(folder).sittings())
                .containsExactly(new Sitting(0, HELD), new Sitting(10, GPU));
        TrainingEnvironments.note(folder, 10, HELD);
        assertThat(TrainingEnvironments.read(folder).sittings()).isEqualTo(List.of(new Sitting(0, HELD)));
    }

    @Test
    void onlyTheHeldCpuGivesTheShippedLosses() {
        assertThat(TrainingEnvironments.differs(HELD)).isNull();
        assertThat(TrainingEnvironments.differs(CHOSEN)).contains("MKL_ENABLE_INSTRUCTIONS=AVX2");
        assertThat(TrainingEnvironments.differs(GPU)).contains("device cpu");
    }
}
