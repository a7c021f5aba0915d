package org.llminspector.run.lab;

import java.util.List;
import org.llminspector.run.lab.Analysis.EdgeGraph;
import org.llminspector.run.lab.Analysis.Effect;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.Analysis.Measured;
import org.llminspector.run.lab.Analysis.Path;
import org.llminspector.run.lab.Analysis.Restored;
import org.llminspector.run.lab.Analysis.Scores;

/** What one kind of analysis computed: the parts of an {@link Analysis}. */
record Found(
        String convention,
        List<Scores> scores,
        Effect rows,
        List<Path> paths,
        List<Measured> measured,
        Double correlation,
        EdgeGraph graph,
        Restored restored,
        List<Invariant> invariants) {

    /** Measurements alone. */
    Found(String convention, List<Scores> scores, Effect rows, List<Invariant> invariants) {
        this(convention, scores, rows, null, null, null, null, null, invariants);
    }

    Found with(Restored put) {
        return new Found(convention, scores, rows, paths, measured, correlation, graph, put, invariants);
    }

    Found with(EdgeGraph edges) {
        return new Found(convention, scores, rows, paths, measured, correlation, edges, restored, invariants);
    }

    Found withPaths(List<Path> each) {
        return new Found(convention, scores, rows, each, measured, correlation, graph, restored, invariants);
    }

    Found withMeasured(List<Measured> best, Double rank) {
        return new Found(convention, scores, rows, paths, best, rank, graph, restored, invariants);
    }
}
