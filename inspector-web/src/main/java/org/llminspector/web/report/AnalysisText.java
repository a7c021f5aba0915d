package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.llminspector.run.lab.Analysis;

/** Names of an analysis's places, in words. */
public final class AnalysisText {

    private AnalysisText() {}

    /**
     * One place of a grid.
     *
     * @param value share of the whole difference where it was measured, else the estimated change
     */
    public record Place(String point, String place, double value) {}

    /** The places of the largest values, over all hook points. */
    public static List<Place> largest(Analysis a, int most) {
        List<Place> all = new ArrayList<>();
        for (Analysis.Scores s : a.scores()) {
            List<Double> values = values(s);
            for (int i : order(values)) all.add(new Place(s.point(), place(a, s, i), values.get(i)));
        }
        all.sort(Comparator.comparingDouble((Place p) -> Math.abs(p.value())).reversed());
        return List.copyOf(all.subList(0, Math.min(most, all.size())));
    }

    /** Shares of the whole difference where there are some, else estimated changes. */
    public static List<Double> values(Analysis.Scores s) {
        return s.effects() == null ? s.values() : s.effects();
    }

    /** Indices of the values that are there, by magnitude, the largest first. */
    public static List<Integer> order(List<Double> values) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) if (values.get(i) != null) order.add(i);
        order.sort((x, y) -> Double.compare(Math.abs(values.get(y)), Math.abs(values.get(x))));
        return order;
    }

    /** A place by its index in row-major order: {@code layer 2, pos 3 ' ball'}. */
    public static String place(Analysis a, Analysis.Scores s, int i) {
        StringBuilder text = new StringBuilder();
        int rest = i;
        for (int axis = s.axes().size() - 1; axis >= 0; axis--) {
            int at = rest % s.shape().get(axis);
            rest /= s.shape().get(axis);
            String name = s.axes().get(axis);
            String shown = name.equals("layer")
                    ? "" + s.layers().get(at)
                    : name.equals("pos") ? position(a, s.positions().get(at)) : "" + at;
            text.insert(0, (axis == 0 ? "" : ", ") + name + " " + shown);
        }
        return text.toString();
    }

    private static String position(Analysis a, int pos) {
        return pos + " '" + a.clean().tokens().get(pos).text().replace("\n", "\u21b5") + "'";
    }
}
