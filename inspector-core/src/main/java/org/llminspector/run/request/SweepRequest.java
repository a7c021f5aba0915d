package org.llminspector.run.request;

import java.util.List;
import org.llminspector.base.Built;

/**
 * Request for a sweep: a model over a corpus, of which only what can be merged is kept. Null means the default named here.
 *
 * @param a the model, engine, device and precision, and interventions in every window; its prompt and captures
 *     are not used
 * @param b the other side of {@code divergence}; null for none
 * @param corpus which texts
 * @param window most tokens that are read together (128, or the model's context if that is shorter)
 * @param reduce kinds of reducers, such as {@code moments}, or {@code moments:blocks.*.hook_resid_post} (loss, moments)
 * @param hooks of reducers that can be given some and have none of their own; null for each kind's own
 * @param shardWindows windows of one part (64): what is lost when a sweep is killed, and what one machine is given at a
 *     time
 * @param name label
 */
@Built
public record SweepRequest(
        RunRequest a,
        RunRequest b,
        Texts corpus,
        Integer window,
        List<String> reduce,
        List<String> hooks,
        Integer shardWindows,
        String name) {

    /**
     * Texts of a sweep.
     *
     * @param path a .txt, .jsonl, .csv or .parquet file, a folder of them, or a corpus by name: {@code tales:train},
     *     {@code tales:held_out}
     * @param documents most documents, from the first; null for all (of a corpus without end 200)
     * @param field the column, or field of a JSON line, with the text (text)
     * @param id the one with the document's id (id)
     * @param paragraphs whether blank lines separate documents of a .txt file (false)
     * @param skipBad whether lines that are no documents are counted and left out, not refused (false)
     */
    @Built
    public record Texts(String path, Long documents, String field, String id, Boolean paragraphs, Boolean skipBad) {}

    /** The reducer that scores a file of tasks. */
    public static final String LOGLIKELIHOOD = "loglikelihood";

    public SweepRequest {
        reduce = reduce == null ? List.of("loss", "moments") : List.copyOf(reduce);
        hooks = hooks == null ? List.of() : List.copyOf(hooks);
    }

    /** Whether the corpus is a file of tasks, whose continuations are scored. */
    public boolean evaluates() {
        return reduce.contains(LOGLIKELIHOOD);
    }
}
