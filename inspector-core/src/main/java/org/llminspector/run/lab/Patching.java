package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.Analysis.Effect;
import org.llminspector.run.lab.Analysis.Scores;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.run.request.AnalysisRequest.Cell;

/** Activation patching (Meng et al. 2022; Heimersheim and Nanda 2024): one run with a value of the other, place by place. */
final class Patching {

    private Patching() {}

    static Found run(Lab lab) {
        List<Grid> grids = grids(lab, By.POSITION);
        lab.read(grids);
        List<Scores> scores = new ArrayList<>();
        for (Grid grid : grids) scores.add(measured(lab, grid));
        List<List<Patch>> own = cells(lab);
        Effect rows = own.isEmpty() ? null : lab.effect(lab.measured(List.of(own.get(0)))[0]);
        boolean denoise = lab.base() == lab.corrupt();
        String words = denoise
                ? "denoising: the corrupt run with a value of the clean one; 0 as corrupt, 1 as clean"
                : "noising: the clean run with a value of the corrupt one; 1 as clean, 0 as corrupt";
        return Found.of(words, lab.invariants()).scores(scores).rows(rows).build();
    }

    static List<Grid> grids(Lab lab, By standard) {
        AnalysisRequest r = lab.request();
        By by = r.by() == null ? standard : r.by();
        boolean heads = by == By.HEAD || by == By.HEAD_POSITION;
        List<HookPoint> points = lab.points(
                heads
                        ? List.of(HookPoint.Z)
                        : List.of(
                                HookPoint.RESID_PRE,
                                HookPoint.ATTN_OUT,
                                HookPoint.CONV_OUT,
                                HookPoint.SSM_OUT,
                                HookPoint.MLP_OUT));
        return points.stream()
                .map(p -> Grid.of(
                        lab.spec(), p, by, r.layers(), r.positions(), lab.base().length()))
                .toList();
    }

    static Scores measured(Lab lab, Grid grid) {
        List<List<Patch>> rows = new ArrayList<>();
        for (Grid.Place place : grid.places()) {
            if (place != null) rows.add(List.of(place.patch(lab.sourceValue(place.hook()))));
        }
        double[] found = lab.measured(rows);
        double[] values = new double[grid.places().size()];
        int next = 0;
        for (int i = 0; i < values.length; i++) values[i] = grid.places().get(i) == null ? Double.NaN : found[next++];
        return scores(grid, values, lab.metric());
    }

    /** @param metric for measurements; null for estimated changes */
    static Scores scores(Grid grid, double[] values, Analysis.Metric metric) {
        return new Scores(
                grid.point().template().replace("blocks.{i}.", ""),
                grid.axes(),
                grid.shape(),
                grid.layers(),
                grid.positions(),
                boxed(values),
                metric == null
                        ? null
                        : boxed(Arrays.stream(values).map(metric::normalised).toArray()));
    }

    private static List<Double> boxed(double[] values) {
        return new ArrayList<>(DoubleStream.of(values)
                .mapToObj(v -> Double.isNaN(v) ? null : (Double) v)
                .toList());
    }

    /** The request's cells as patches of one row; empty without any. */
    static List<List<Patch>> cells(Lab lab) {
        if (lab.request().cells() == null || lab.request().cells().isEmpty()) return List.of();
        List<Patch> row = new ArrayList<>();
        for (Cell cell : lab.request().cells()) {
            if (cell.keys() != null)
                throw Problem.unsupported("a place is patched at all its keys")
                        .where("cells, keys")
                        .expected("none with " + lab.request().kind().name().toLowerCase(Locale.ROOT));
            for (HookId hook : HookPatterns.match(lab.spec(), List.of(cell.hook()))) {
                row.add(new Patch(hook, lab.sourceValue(hook), cell.heads(), cell.positions(), null));
            }
        }
        row.sort((a, b) -> a.hook().compareTo(b.hook()));
        return List.of(row);
    }
}
