package org.llminspector.quant;

import java.util.List;
import java.util.Map;

/**
 * Mean squares of what a model's matrices read over a corpus, by input channel: an error of a column weighs as much as what it is
 * multiplied with.
 */
public final class Importance {

    /**
     * Where an importance is from.
     *
     * @param source {@code sweep ID} or a file's name
     * @param corpora names of the texts
     * @param tokens that the matrices read; experts read a part of them
     * @param without matrices among those asked for of which it says nothing, by canonical name
     */
    public record From(String source, List<String> corpora, long tokens, List<String> without) {
        public From {
            corpora = List.copyOf(corpora);
            without = List.copyOf(without);
        }
    }

    private final String id;
    private final String source;
    private final List<String> corpora;
    private final long tokens;
    private final Map<String, double[]> means;

    /**
     * @param id of these numbers: two with one id have the same
     * @param means mean squares by canonical weight, [in]; matrices that read the same share them
     */
    public Importance(String id, String source, List<String> corpora, long tokens, Map<String, double[]> means) {
        this.id = id;
        this.source = source;
        this.corpora = List.copyOf(corpora);
        this.tokens = tokens;
        this.means = Map.copyOf(means);
    }

    public String id() {
        return id;
    }

    /** Mean squares of a canonical weight's inputs, [in], not to be changed; null where nothing is known. */
    public double[] of(String weight) {
        return means.get(weight);
    }

    public From from(List<String> without) {
        return new From(source, corpora, tokens, without);
    }
}
