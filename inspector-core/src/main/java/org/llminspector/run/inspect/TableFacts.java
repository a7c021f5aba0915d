package org.llminspector.run.inspect;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.RowScan;
import org.llminspector.run.models.ModelFolder;

/** Cache of the row and column norms of weights: one number per row; the rows stay in their files. */
public final class TableFacts {

    private static final int KEPT = 64;

    private final Map<List<Object>, float[]> kept = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<List<Object>, float[]> eldest) {
            return size() > KEPT;
        }
    };

    /** L2 norm of each row of a canonical weight. */
    public synchronized float[] rowNorms(ModelFolder folder, String weight) {
        return kept.computeIfAbsent(
                List.of(folder.checkpoint().files(), weight, "rows"), k -> RowScan.norms(folder.weights(), weight));
    }

    /** L2 norm of each column. */
    public synchronized float[] columnNorms(ModelFolder folder, String weight) {
        return kept.computeIfAbsent(
                List.of(folder.checkpoint().files(), weight, "columns"),
                k -> RowScan.columnNorms(folder.weights(), weight));
    }
}
