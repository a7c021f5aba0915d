package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.llminspector.analysis.output.ErrorSplit;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.spec.LayerSpec;

/**
 * Splits the error of every attention and MLP, and of the unembedding, into local and inherited error.
 *
 * <p>One more pass of B has A's residual stream patched in before every module of a chunk of layers, at all positions,
 * so that each module's input (keys and values included) equals A's. The remaining difference of its output is local;
 * see {@link ErrorSplit}.
 */
final class ModuleErrors {

    /** A module's input and output hooks. */
    private record Module(String name, HookId input, HookId output) {}

    private final ComparisonSide a;
    private final ComparisonSide b;
    private final CaptureBudget budget;
    private final List<ComparisonManifest.ModuleError> errors = new ArrayList<>();

    ModuleErrors(ComparisonSide a, ComparisonSide b, CaptureBudget budget) {
        this.a = a;
        this.b = b;
        this.budget = budget;
    }

    /** Groups of layers that fit the budget; throws UNSUPPORTED when the two models differ in architecture. */
    List<List<Integer>> chunks(int positions) {
        whyNotComparable(a, b).ifPresent(why -> {
            throw why;
        });
        List<List<Integer>> chunks = new ArrayList<>();
        long left = 0;
        for (int layer = 0; layer <= a.spec().nLayers(); layer++) {
            long bytes = 0;
            for (Module m : modules(layer)) {
                bytes += 3 * CaptureBudget.bytes(a.spec(), List.of(m.output()), positions);
                bytes += CaptureBudget.bytes(a.spec(), List.of(m.input()), positions);
            }
            if (bytes > budget.maxBytes()) {
                throw Problem.tooLarge("the modules of one layer would not fit the budget")
                        .where("layer " + layer + " x " + positions + " positions")
                        .expected("at most " + budget.maxBytes() + " bytes")
                        .found(bytes + " bytes")
                        .instead("set options.split to false, shorten the prompt, or raise --capture-budget");
            }
            if (chunks.isEmpty() || bytes > left) {
                chunks.add(new ArrayList<>());
                left = budget.maxBytes();
            }
            chunks.get(chunks.size() - 1).add(layer);
            left -= bytes;
        }
        return chunks;
    }

    /** Reason why B's modules cannot be run on A's inputs, if any. */
    static Optional<Problem> whyNotComparable(ComparisonSide a, ComparisonSide b) {
        Optional<Problem> fixed = b.folder().capabilities().interventionRefusal();
        if (fixed.isPresent()) {
            return Optional.of(Problem.unsupported(
                            "B cannot be given A's values: " + fixed.get().what())
                    .where(b.folder().slug())
                    .instead("swap the sides"));
        }
        if (a.spec().layers().equals(b.spec().layers())
                && a.spec().dModel() == b.spec().dModel()) {
            return Optional.empty();
        }
        return Optional.of(Problem.unsupported(
                "the two models are not built alike: a module of one cannot read what the other's reads"));
    }

    /** Three passes over the modules of these layers: A, B, and B on A's inputs. */
    void split(int[] idsA, int[] idsB, List<Integer> layers) {
        List<Module> modules = new ArrayList<>();
        layers.forEach(layer -> modules.addAll(modules(layer)));
        TreeSet<HookId> outputs = new TreeSet<>();
        TreeSet<HookId> both = new TreeSet<>();
        for (Module m : modules) {
            outputs.add(m.output());
            both.add(m.output());
            both.add(m.input());
        }
        try (Capture left = a.capture(idsA, both);
                Capture right = b.capture(idsB, outputs);
                Capture patched = b.capture(idsB, outputs, inputs(modules, left))) {
            for (Module m : modules) {
                HookId out = m.output();
                ErrorSplit s = ErrorSplit.of(left.get(out), right.get(out), patched.get(out));
                errors.add(new ComparisonManifest.ModuleError(
                        m.name(),
                        out,
                        HookComparison.finite(s.total()),
                        HookComparison.finite(s.made()),
                        HookComparison.finite(s.inherited()),
                        s.cosine()));
            }
        }
    }

    private static Map<HookId, Tensor> inputs(List<Module> modules, Capture seen) {
        Map<HookId, Tensor> inputs = new LinkedHashMap<>();
        modules.forEach(m -> inputs.put(m.input(), seen.get(m.input())));
        return inputs;
    }

    List<ComparisonManifest.ModuleError> errors() {
        return errors;
    }

    /**
     * Modules of a layer: attention, or the convolution in its place, and MLP; for the index after the last layer,
     * final norm and unembedding.
     */
    private List<Module> modules(int layer) {
        int last = a.spec().nLayers();
        if (layer == last) {
            return List.of(new Module("unembed", StreamHooks.end(a.spec()), HookId.of(HookPoint.LOGITS)));
        }
        HookId pre = HookId.of(HookPoint.RESID_PRE, layer);
        LayerSpec block = a.spec().layers().get(layer);
        HookId mid = block.parallel() ? pre : HookId.of(HookPoint.RESID_MID, layer);
        List<Module> modules = new ArrayList<>();
        for (HookPoint p : StreamHooks.mixed(block)) {
            String name = p == HookPoint.ATTN_OUT ? ".attn" : p == HookPoint.CONV_OUT ? ".conv" : ".ssm";
            modules.add(new Module("blocks." + layer + name, pre, HookId.of(p, layer)));
        }
        HookId read = block.mixer() == null ? pre : mid;
        if (block.feedsForward())
            modules.add(new Module("blocks." + layer + ".mlp", read, HookId.of(HookPoint.MLP_OUT, layer)));
        return modules;
    }
}
