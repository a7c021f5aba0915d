package org.llminspector.engine.onnx.layer;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.PrecisionPlan.Choice;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Target;

/** Writes matrix products, each in the precision that the plan has for its weight. */
public final class Linears {

    /**
     * MatMulNBits' accuracy_level: 0 computes in the activations' format, 4 rounds them to int8 per block. CUDA has
     * only 0; its fast kernel is the one for FP16 activations.
     */
    private static final int EXACT_LEVEL = 0;

    private static final int FAST_LEVEL = 4;

    /** Scale of activation codes, where the largest activation is 1. */
    static final float STEP = 1f / 127;

    /** Activations in 8 bits: codes U8 with zero point 128 (CUDA: I8), and scales [1, pos, 1]. */
    private record Rounded(String codes, String scales) {}

    private final GraphBuilder graph;
    private final Encodings encodings;
    private final PrecisionPlan plan;
    private final boolean cuda;
    private final boolean tied;
    private final Map<String, Rounded> rounded = new HashMap<>();
    private final Set<String> markMaybeEmpty = new HashSet<>();

    Linears(GraphBuilder graph, Encodings encodings, PrecisionPlan plan, Target target, boolean tied) {
        this.graph = graph;
        this.encodings = encodings;
        this.plan = plan;
        this.cuda = target.cuda();
        this.tied = tied;
    }

    /** Marks a value that may have no positions; returns it. */
    String markMaybeEmpty(String x) {
        markMaybeEmpty.add(x);
        return x;
    }

    /** [1, pos, in] to [1, pos, out] through the weight [out, in] and the bias of that module. */
    String write(String x, String module) {
        return bias(product(x, plan.at(module), List.of(weight(module))), module);
    }

    /** The outputs of several modules concatenated, [1, pos, sum of widths], without their biases. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Joined(String value, long... widths) {}

    /**
     * The outputs of several modules with the same input, through one product where the plan has them in the same
     * quantized format: fewer operators per token. Null where each has a product of its own.
     */
    Joined joined(String x, List<String> modules) {
        List<String> names = modules.stream().map(this::weight).toList();
        if (modules.size() == 1 || !join(modules, names)) return null;
        long[] widths = names.stream()
                .mapToLong(n -> encodings.weights().source().shape(n)[0])
                .toArray();
        return new Joined(product(x, plan.at(modules.get(0)), names), widths);
    }

    private boolean join(List<String> modules, List<String> names) {
        if (modules.stream().map(plan::at).distinct().count() > 1) return false;
        Precision precision = plan.at(modules.get(0)).precision();
        return switch (precision) {
            case FP32, FP16, BF16 -> false; // weights stay where the file has them
            case INT8 -> true;
            case INT8_WEIGHT, INT4_32, INT4_128 -> encodings.sameBlockSize(names, precision.bits(), precision.block());
        };
    }

    private String product(String x, Choice choice, List<String> weights) {
        return switch (choice.precision()) {
            case FP32, FP16 -> floats(x, weights.get(0), choice.precision());
            case INT8 -> integers(x, encodings.channels(graph, weights));
            case INT8_WEIGHT, INT4_32, INT4_128 -> blocks(x, weights, choice);
            case BF16 -> throw new IllegalStateException("refused when the engine opened");
        };
    }

    /** A product in float32 whatever the plan: for routers, gates and embedding projections. */
    String exact(String x, String module) {
        return bias(floats(x, encodings.weights().floats(graph, weight(module))), module);
    }

    private String floats(String x, String weight, Precision precision) {
        if (precision != Precision.FP16 || !cuda) return floats(x, floats(weight, precision));
        return graph.toFloat(floats(graph.toHalf(x), encodings.inFp16(graph, weight)));
    }

    private String floats(String x, String w) {
        return graph.node("FusedMatMul", new Attributes().with("transB", 1), x, w);
    }

    /** A weight in float32, rounded as the precision has it. */
    private String floats(String weight, Precision precision) {
        if (precision == Precision.FP32) return encodings.weights().floats(graph, weight);
        return cuda ? graph.toFloat(encodings.inFp16(graph, weight)) : encodings.roundedToFp16(graph, weight);
    }

    /** The tied unembedding's weight as a table of floats; null for an untied table, or one without floats to share. */
    String tiedEmbedding() {
        if (!tied) return null;
        return switch (plan.at("unembed").precision()) {
            case FP32 -> encodings.weights().floats(graph, weight("unembed"));
            case FP16 -> cuda && !plan.keepsEmbedding() ? encodings.inFp16(graph, weight("unembed")) : null;
            default -> null;
        };
    }

    /** Whether the embedding has a table of its own, as in the file, separate from the unembedding's. */
    public static boolean ownEmbedding(PrecisionPlan plan, boolean tied, boolean cuda) {
        if (!tied) return true;
        return switch (plan.at("unembed").precision()) {
            case FP32 -> false;
            case FP16 -> !cuda || plan.keepsEmbedding();
            default -> cuda || plan.keepsEmbedding();
        };
    }

    /**
     * Rows of a tied quantized embedding, [1, pos] to [1, pos, d_model]: it shares the unembedding's codes, and only
     * the tokens' rows are decoded. Null for an untied table or one with floats, where the plan keeps the embedding in
     * FP32, and on CUDA, where these operators are untested with 8-bit integers.
     */
    String tiedRows(String ids) {
        if (ownEmbedding(plan, tied, cuda)) return null;
        Precision precision = plan.at("unembed").precision();
        return switch (precision) {
            case FP32, FP16, BF16 -> null;
            case INT8 -> channelRows(ids);
            case INT8_WEIGHT, INT4_32, INT4_128 -> blockRows(ids, precision.bits(), precision.block());
        };
    }

    private String channelRows(String ids) {
        Encodings.Channels w = encodings.channels(graph, List.of(weight("unembed")));
        String codes = graph.node("Gather", new Attributes().with("axis", 1), w.codes(), ids); // [d_model, 1, pos]
        String zero = graph.cast(w.zeroPoint(), Type.FLOAT);
        String values = graph.node("Sub", graph.cast(codes, Type.FLOAT), zero);
        values = graph.node("Transpose", new Attributes().with("perm", 1, 2, 0), values); // [1, pos, d_model]
        return graph.node("Mul", values, unsqueezed(graph.node("Gather", w.scales(), ids)));
    }

    private String blockRows(String ids, int bits, int size) {
        Encodings.Blocks w = encodings.blocks(graph, List.of(weight("unembed")), bits, size, false);
        String codes = graph.cast(graph.node("Gather", w.codes(), ids), Type.FLOAT); // [1, pos, blocks, block bytes]
        if (bits == 4) { // two codes per byte, low half first
            String high = graph.node("Floor", graph.node("Mul", codes, graph.scalar(1f / 16)));
            String low = graph.node("Sub", codes, graph.node("Mul", high, graph.scalar(16)));
            codes = graph.node("Concat", new Attributes().with("axis", -1), unsqueezed(low), unsqueezed(high));
            codes = reshape(codes, 0, 0, 0, w.block()); // [1, pos, blocks, block]
        }
        String values = graph.node("Sub", codes, graph.scalar(1 << (bits - 1)));
        String scales = graph.node("Gather", w.scales(), ids); // [1, pos, blocks]
        String rows = reshape(graph.node("Mul", values, unsqueezed(scales)), 0, 0, -1);
        if (w.cols() % w.block() == 0) return rows;
        return graph.node("Slice", rows, graph.ints(0), graph.ints(w.cols()), graph.ints(2));
    }

    private String reshape(String x, long... sizes) {
        return graph.node("Reshape", x, graph.ints(sizes));
    }

    private String unsqueezed(String x) {
        return graph.node("Unsqueeze", x, graph.ints(-1));
    }

    /** Whether the plan has this module in FP32. */
    boolean isPlain(String module) {
        return plan.at(module).precision() == Precision.FP32;
    }

    /** Adds the module's bias, if any. */
    String bias(String y, String module) {
        String bias = module + ".bias";
        return encodings.weights().has(bias)
                ? graph.node("Add", y, encodings.weights().floats(graph, bias))
                : y;
    }

    /** Whether {@link #floats} can return the module's weight. */
    boolean hasFloats(String module) {
        Precision precision = plan.at(module).precision();
        return precision == Precision.FP32 || precision == Precision.FP16;
    }

    /** The weight [out, in] as floats; throws UNSUPPORTED for a quantized module. */
    String floats(String module) {
        Choice choice = plan.at(module);
        return switch (choice.precision()) {
            case FP32, FP16 -> floats(weight(module), choice.precision());
            default ->
                throw Problem.unsupported("there are no per-head results of a weight in few bits")
                        .where("hook_result, module " + module)
                        .expected("fp32 or fp16")
                        .found(choice.precision().label())
                        .instead("keep it: a precision_plan with the override {\"modules\": \"" + module
                                + "\", \"precision\": \"fp32\"}");
        };
    }

    private String weight(String module) {
        return (module.equals("unembed") && tied ? "embed" : module) + ".weight";
    }

    private String blocks(String x, List<String> weights, Choice choice) {
        boolean fast = choice.kernel() == Kernel.FAST;
        boolean half = fast && cuda;
        Precision precision = choice.precision();
        Encodings.Blocks w = encodings.blocks(graph, weights, precision.bits(), precision.block(), half);
        Attributes attributes = new Attributes()
                .with("K", w.cols())
                .with("N", w.rows())
                .with("bits", w.bits())
                .with("block_size", w.block())
                .with("accuracy_level", fast && !cuda ? FAST_LEVEL : EXACT_LEVEL);
        String y = graph.node("MatMulNBits", attributes, half ? graph.toHalf(x) : x, w.codes(), w.scales());
        return half ? graph.toFloat(y) : y;
    }

    /**
     * Integer products, rescaled: {@code y = (sum of codes' products) * (weight scale / 127) * activation scale}.
     *
     * <p>Activation codes are signed, but ONNX Runtime's fast kernels take unsigned activations only: 128 is added and
     * subtracted again as the zero point, which is exact in integers. CUDA has signed by signed only.
     */
    private String integers(String x, Encodings.Channels w) {
        Rounded a = rounded.computeIfAbsent(x, this::round);
        if (cuda) {
            String sum = graph.cast(graph.node("MatMulInteger", a.codes(), w.codes()), Type.FLOAT);
            String step = graph.node("Mul", w.scales(), graph.scalar(STEP));
            return graph.node("Mul", graph.node("Mul", sum, step), a.scales());
        }
        String middle = graph.small(Type.UINT8, 128);
        String y = graph.node(
                "MatMulIntegerToFloat", a.codes(), w.codes(), graph.scalar(STEP), w.scales(), middle, w.zeroPoint());
        return graph.node("Mul", y, a.scales());
    }

    /**
     * Quantizes activations per position: {@code scale = max|x|, code = round(x / scale * 127)}, ties to even. One
     * scale for all positions (DynamicQuantizeLinear) would let a later token change an earlier one's codes.
     */
    private Rounded round(String x) {
        String most =
                graph.node("ReduceMax", new Attributes().with("keepdims", 1), graph.node("Abs", x), graph.ints(-1));
        // For zero positions ONNX Runtime's ReduceMax keeps the input's width.
        if (markMaybeEmpty.contains(x)) most = reshape(most, 1, -1, 1);
        // A position of zeros has undefined codes (0 / 0), which its scale 0 cancels.
        String middle = cuda ? graph.small(Type.INT8, 0) : graph.small(Type.UINT8, 128);
        String codes = graph.node("QuantizeLinear", graph.node("Div", x, most), graph.scalar(STEP), middle);
        return new Rounded(codes, most);
    }
}
