package org.llminspector.family;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;

/** WeightPlan says for each canonical weight which tensor of the files it is and what is done to it at the door. */
public final class WeightPlan {

    private final Map<String, Source> sources = new LinkedHashMap<>();

    /** Source makes one canonical weight from the files. */
    @FunctionalInterface
    public interface Source {
        Tensor read(Checkpoint checkpoint);

        /** A tensor as it is in the file. */
        static Source of(String tensor, long... shape) {
            return checkpoint -> checkpoint.get(tensor, shape);
        }

        /** Columns [from, to) of a matrix. */
        default Source cols(int from, int to) {
            return c -> {
                Tensor t = read(c);
                return t.slice(new int[] {0, Math.toIntExact(t.shape()[0])}, new int[] {from, to});
            };
        }

        /** Rows [from, to) of a matrix, or elements of a vector. */
        default Source rows(int from, int to) {
            return c -> {
                Tensor t = read(c);
                int[] part = {from, to};
                return t.rank() == 1 ? t.slice(part) : t.slice(part, new int[] {0, Math.toIntExact(t.shape()[1])});
            };
        }

        default Source transposed() {
            return c -> read(c).transposed();
        }
    }

    /** Adds one weight; returns this plan. */
    WeightPlan put(String canonical, Source source) {
        sources.put(canonical, source);
        return this;
    }

    public Set<String> names() {
        return sources.keySet();
    }

    Source source(String canonical) {
        return sources.get(canonical);
    }
}
