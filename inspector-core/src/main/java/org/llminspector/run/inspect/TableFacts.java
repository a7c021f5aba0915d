package org.llminspector.run.inspect;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.List;
import org.llminspector.analysis.RowScan;
import org.llminspector.run.models.ModelFolder;

/** Cache of the row and column norms of weights: one number per row; the rows stay in their files. Thread-safe. */
public final class TableFacts {

    private static final int KEPT = 64;

    private final Cache<List<Object>, float[]> kept =
            Caffeine.newBuilder().executor(Runnable::run).maximumSize(KEPT).build();

    /** L2 norm of each row of a canonical weight. */
    public float[] rowNorms(ModelFolder folder, String weight) {
        return kept.get(
                List.of(folder.checkpoint().files(), weight, "rows"), k -> RowScan.norms(folder.weights(), weight));
    }

    /** L2 norm of each column. */
    public float[] columnNorms(ModelFolder folder, String weight) {
        return kept.get(
                List.of(folder.checkpoint().files(), weight, "columns"),
                k -> RowScan.columnNorms(folder.weights(), weight));
    }
}
