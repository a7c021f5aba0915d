package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.checkpoint.SafetensorsFile;

/** Files of captures stay open up to a number; those beyond it, and a deleted run's, are closed. */
class OpenCapturesTest {

    @TempDir
    Path temp;

    private static boolean open(SafetensorsFile file) {
        try {
            return file.tensor("logits") != null;
        } catch (IllegalStateException e) {
            return false;
        }
    }

    @Test
    void theFileInUseIsOpenAndNoMoreThanSixteenAre() {
        try (RunStore store = RunStore.open(temp.resolve("runs"), Long.MAX_VALUE);
                OpenCaptures captures = new OpenCaptures()) {
            List<RunFolder> folders = new ArrayList<>();
            for (int i = 0; i < 40; i++)
                folders.add(new RunFolder(temp.resolve("runs").resolve(Runs.save(store, 10))));
            Set<SafetensorsFile> seen = new HashSet<>();
            Random random = new Random(7);
            for (int i = 0; i < 2000; i++) { // some often, some never again
                RunFolder folder = folders.get(i % 3 == 0 ? random.nextInt(40) : random.nextInt(12));
                captures.use(folder, file -> {
                    assertThat(open(file)).isTrue();
                    return seen.add(file);
                });
                if (i % 100 == 99)
                    assertThat(seen.stream().filter(OpenCapturesTest::open)).hasSizeLessThanOrEqualTo(16);
            }
            SafetensorsFile file = captures.use(folders.get(0), f -> f);
            captures.forget(folders.get(0).path());
            assertThat(open(file)).isFalse();
            SafetensorsFile last = captures.use(folders.get(1), f -> f);
            captures.close();
            assertThatThrownBy(() -> last.tensor("logits")).isInstanceOf(IllegalStateException.class);
        }
    }
}
