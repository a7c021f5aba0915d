package org.llminspector.parquet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.checkpoint.FuzzTest;
import org.llminspector.checkpoint.Mutator;

/** Mutated files are read or refused with a Problem, never anything else. */
class ParquetFuzzTest extends FuzzTest {

    private static final String[] NAMES = {
        "tiny", "tiny-plain", "zstd-v1", "lz4-v2", "gzip-v1", "delta-length", "delta-bytes", "numbered-delta", "groups"
    };

    @Override
    protected byte[] mutant(Mutator m) {
        byte[] whole;
        try {
            String name = NAMES[m.below(NAMES.length)];
            whole = Files.readAllBytes(Path.of("src/test/resources/golden/parquet", name + ".parquet"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        byte[] bytes = whole;
        for (int i = m.below(3); i >= 0; i--) {
            bytes = m.oneIn(12) && bytes.length > 16 ? m.spliced(bytes) : m.overwritten(bytes);
        }
        return bytes;
    }

    @Override
    protected String named() {
        return file.getFileName().toString();
    }

    @Override
    protected void open(byte[] mutant) {
        ParquetGoldenTest.rows(file, "text", "id");
    }
}
