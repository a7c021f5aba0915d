package org.llminspector.run.lab;

import java.util.List;
import org.llminspector.base.Built;
import org.llminspector.run.lab.Analysis.EdgeGraph;
import org.llminspector.run.lab.Analysis.Effect;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.Analysis.Measured;
import org.llminspector.run.lab.Analysis.Path;
import org.llminspector.run.lab.Analysis.Restored;
import org.llminspector.run.lab.Analysis.Scores;
import org.llminspector.run.lab.fit.Interchange;
import org.llminspector.run.lab.fit.LensFit;
import org.llminspector.run.lab.fit.Probing;
import org.llminspector.run.lab.fit.ScoreParts;

/** What one kind of analysis computed: the parts of an {@link Analysis}, null where the kind has none. */
@Built
record Found(
        String convention,
        List<Scores> scores,
        Effect rows,
        List<Path> paths,
        List<Measured> measured,
        Double correlation,
        EdgeGraph graph,
        Restored restored,
        ScoreParts.Score score,
        LensFit.Fitted lens,
        Probing.Probes probes,
        Interchange.Subspace subspace,
        List<Invariant> invariants) {

    /** Of a convention, with what was checked. */
    static FoundBuilder of(String convention, List<Invariant> invariants) {
        return FoundBuilder.builder().convention(convention).scores(List.of()).invariants(invariants);
    }
}
