package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The list of runs follows folders that other processes delete. */
class RunListTest {

    @TempDir
    Path dir;

    @Test
    void aStoreThatWasEmptiedMeanwhileIsKept() throws IOException {
        try (StoreFolder folder = StoreFolder.open(dir);
                RunList list = new RunList(folder)) {
            list.put(Runs.manifest("20260101-000000-000-aaaaaa", Runs.capture(4)), 1_000_000);
            // Its folder is not there: another process has deleted it.
            assertThat(list.retain(10, "20260101-000000-000-aaaaaa")).isEmpty();
            assertThat(list.newest()).isNull();
        }
    }
}
