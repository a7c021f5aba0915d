package org.llminspector.run.compare;

import java.util.Collection;
import java.util.function.Supplier;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.run.request.ComparisonRequest.Floor;
import org.llminspector.run.store.ComparisonManifest;

/**
 * Noise floor: A compared with itself, its tokens read in pieces or on the other engine. Where the second pass is not
 * possible, the comparison continues and the floor gives the reason.
 */
final class FloorComparison {

    private final Floor how;
    private final ComparisonSide a;
    private final ComparisonSide other;
    private String why;

    /** @param other A on the other engine, or null */
    FloorComparison(Floor how, ComparisonSide a, ComparisonSide other) {
        this.how = how;
        this.a = a;
        this.other = other;
    }

    /** A's values at these hooks from the second pass, or null where that is not possible. */
    Capture capture(int[] ids, Collection<HookId> hooks) {
        return secondPass(() -> other == null ? a.captureInPieces(ids, hooks) : other.capture(ids, hooks));
    }

    /** Logits of these tokens from the second pass, [1, pos, vocab], or null. */
    Capture logits(int[] ids) {
        return secondPass(() -> other == null ? a.logitsInPieces(ids) : other.logits(ids));
    }

    private Capture secondPass(Supplier<Capture> pass) {
        if (how == Floor.NONE || why != null) return null;
        try {
            return pass.get();
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.UNSUPPORTED) throw p;
            why = p.getMessage();
            return null;
        }
    }

    /** The manifest's entry; null when no floor was requested. */
    ComparisonManifest.NoiseFloor noiseFloor(OutputMeasures prompt, OutputMeasures text) {
        if (how == Floor.NONE) return null;
        String what = other == null
                ? "A, its tokens read in pieces of a half, a quarter, an eighth of them"
                : "A on " + other.run().request().engine();
        return new ComparisonManifest.NoiseFloor(how, what, prompt, text, why);
    }
}
