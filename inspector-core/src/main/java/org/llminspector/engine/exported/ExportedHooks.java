package org.llminspector.engine.exported;

import static org.llminspector.hook.HookPoint.*;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.engine.ModelCapabilities;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.exported.Place.Read;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.spec.DecoderSpec;

/**
 * Hooks of a third-party ONNX graph, found by dataflow and not by names; every captured value's shape is checked. A
 * hook that is not found is refused with a reason.
 */
public final class ExportedHooks implements ModelCapabilities {

    private static final Set<String> NORMS = Set.of(
            "LayerNormalization",
            "SimplifiedLayerNormalization",
            "RMSNormalization",
            "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization");
    static final String INSTEAD =
            "open the model's safetensors or GGUF: every hook of those can be captured and changed";

    private final OnnxFile file;
    private final Map<HookId, Place> places = new TreeMap<>();

    public ExportedHooks(OnnxFile file, DecoderSpec spec) {
        this.file = file;
        ExportedBlocks blocks = new ExportedBlocks(file, spec.nLayers());
        blocks.places().forEach((id, place) -> {
            if (HookPresence.of(id.point(), spec, Math.max(0, id.layer()))) places.put(id, place);
        });
        for (int i = 0; i < spec.nLayers(); i++) {
            boolean rotates = spec.layers().get(i).attention().rope() != null;
            ExportedAttention found = blocks.attention(i);
            if (found != null && found.rotates() != rotates) { // unknown whether they are before or after RoPE
                for (HookPoint p : new HookPoint[] {Q, K, ROT_Q}) places.remove(HookId.of(p, i));
            }
            places.put(HookId.of(rotates ? ROT_K : K, i), new Place("present." + i + ".key", Read.CACHE));
            places.put(HookId.of(V, i), new Place("present." + i + ".value", Read.CACHE));
        }
    }

    @Override
    public boolean has(HookId hook) {
        return places.containsKey(hook);
    }

    /** Place of the hook's value; throws UNSUPPORTED for a hook that was not found. */
    Place place(HookId hook) {
        Place place = places.get(hook);
        if (place == null) throw refusal(hook);
        return place;
    }

    @Override
    public String absence(HookPoint point) {
        if (operator(Set.of("If")) != null && operator(Set.of("Gather")) == null) {
            return "the layers lie in the branches of an If node, out of which nothing can be read";
        }
        String fused = operator(ExportedAttention.FUSED);
        String norm = operator(NORMS);
        switch (point) {
            case ROT_Q, K, ATTN_SCORES, PATTERN -> {
                if (fused != null)
                    return "the graph computes attention in one operator, " + fused + ", which shows nothing inside";
            }
            case LN1_SCALE, LN1_NORMALIZED, LN2_SCALE, LN2_NORMALIZED, LN_FINAL_SCALE, LN_FINAL_NORMALIZED -> {
                if (norm != null)
                    return "the graph computes norms in one operator, " + norm + ", which keeps this to itself";
            }
            case RESULT -> {
                return "the graph adds the heads up in one product";
            }
            default -> {}
        }
        return "nothing in the graph is made as this is";
    }

    private String operator(Set<String> ops) {
        return file.nodes().stream()
                .map(Node::op)
                .filter(ops::contains)
                .findFirst()
                .orElse(null);
    }

    @Override
    public String instead() {
        return INSTEAD;
    }

    @Override
    public Problem refusal(HookId hook) {
        return Problem.unsupported("this ONNX file does not show the hook: " + absence(hook.point()))
                .where(hook.name())
                .instead(INSTEAD);
    }

    /** Refuses any precision but the default: the file's is the file's. */
    static void check(PrecisionPlan plan) {
        if (plan.equals(PrecisionPlan.of(Precision.FP32))) return;
        if (plan.kvCache() != null) {
            throw Problem.unsupported("an exported ONNX graph keeps its keys and values as it was exported")
                    .where("kv_cache")
                    .expected("none")
                    .found(plan.kvCache().words())
                    .instead("leave it out; or open the model's safetensors, whose cache can be in any format");
        }
        throw Problem.unsupported("an ONNX file has the precision that it was exported in")
                .where("precision")
                .expected("none, or fp32 for as the file is")
                .found(plan.standard().label())
                .instead("leave the precision out; or open the model's safetensors, which run in any");
    }

    @Override
    public boolean onePrecision() {
        return true;
    }

    @Override
    public Optional<Problem> interventionRefusal() {
        return Optional.of(Problem.unsupported("the values of an exported ONNX graph can be seen, but not changed")
                .where("interventions")
                .instead(INSTEAD));
    }

    @Override
    public Optional<Problem> lensRefusal() {
        return Optional.of(Problem.unsupported("an exported ONNX graph cannot be entered at its last norm")
                .where("the logit lens")
                .instead(INSTEAD));
    }
}
