package org.llminspector.engine.onnx;

import java.util.EnumSet;
import java.util.Set;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.layer.Linears;
import org.llminspector.engine.onnx.runtime.OnnxDevices;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedStore;
import org.llminspector.local.PreparedTensors;
import org.llminspector.spec.DecoderSpec;

/** The onnx engine: the model as a graph that is written here, in any mix of precisions, on ONNX Runtime. */
public final class OnnxKind implements EngineKind {

    @Override
    public String id() {
        return "onnx";
    }

    @Override
    public Capabilities capabilities() {
        return OnnxEngine.capabilities();
    }

    @Override
    public Set<Ability> abilities() {
        return EnumSet.of(Ability.VARIANTS);
    }

    @Override
    public String device(String wanted) {
        return OnnxDevices.resolve(wanted);
    }

    @Override
    public void check(PrecisionPlan plan, DecoderSpec spec) {
        plan.check(spec);
        if (plan.simulate().isEmpty()) return;
        throw Problem.unsupported("weights are simulated on torch only")
                .where("precision_plan.simulate")
                .expected("engine torch")
                .found(id())
                .instead("ask again with engine torch; onnx computes with int8, int8_weight, int4_32 and int4_128"
                        + " themselves");
    }

    @Override
    public KvFormats kvFormats(Source model, String device, PrecisionPlan plan) {
        return OnnxDevices.target(device).kvFormats(plan);
    }

    @Override
    public long estimate(Source model, PrecisionPlan plan, PreparedStore prepared) {
        Weights weights = model.weights();
        boolean kept = prepared.keeps(model.checkpoint());
        boolean tied = weights.spec().tied();
        double bytes = 0;
        for (String name : weights.names()) {
            StoredWeight w = StoredWeight.of(weights, name);
            double values = w.values();
            DType inFile = w.inFile();
            boolean plain = w.vector() || (w.table() && !tied);
            // As the file has it, in addition to the unembedding's codes; mapped where the file has floats.
            if (name.equals("embed.weight") && tied && plan.keepsEmbedding() && inFile == null) bytes += 4 * values;
            Precision precision = plain ? plan.standard() : plan.at(w.module()).precision();
            if (plain) bytes += inFile == DType.F32 || (w.table() && inFile != null) ? 0 : 4 * values;
            else bytes += values * bytes(precision, inFile, kept);
        }
        return (long) bytes;
    }

    /** The weight where it is not a file's own pages, and what is packed of it for the kernels. */
    private static double bytes(Precision precision, DType inFile, boolean kept) {
        return switch (precision) {
            case FP32 -> inFile == DType.F32 ? 4 : 8;
            case FP16, BF16 -> 8;
            case INT8, INT8_WEIGHT -> kept ? 1.1 : 2.2;
            case INT4_32, INT4_128 -> kept ? 0.7 : 1.3;
        };
    }

    @Override
    public WeightBytes weightBytes(Source model, String device, PrecisionPlan plan, long parameters) {
        int half = device.equals("cpu") ? 4 : 2; // ONNX Runtime's CPU kernels multiply in float32
        boolean asInFile = ownEmbedding(model, device, plan);
        boolean tied = model.spec().tied();
        return (module, in) -> {
            if (module.equals("embed") && asInFile) return inFile(model.weights());
            boolean table = module.equals("embed") && !tied;
            return (table ? plan.standard() : plan.at(module).precision()).bytes(in, half);
        };
    }

    /** Bytes of one number of the embedding as the file has it; few bits are decoded to float32. */
    private static double inFile(Weights weights) {
        TensorInfo embed = weights.info("embed.weight");
        return embed.blocks() == null && (embed.dtype() == DType.F16 || embed.dtype() == DType.BF16) ? 2 : 4;
    }

    @Override
    public boolean ownEmbedding(Source model, String device, PrecisionPlan plan) {
        return Linears.ownEmbedding(
                plan, model.spec().tied(), OnnxDevices.target(device).cuda());
    }

    @Override
    public int scoreCopies(boolean visible) {
        return 1;
    }

    @Override
    public long largestCacheBuffer() {
        return Integer.MAX_VALUE; // a Java buffer
    }

    @Override
    public InspectorEngine open(
            Source model, Weights.Watch watch, String device, PrecisionPlan plan, PreparedStore store) {
        String settings = "onnx, " + Version.STRING + ", " + device + ", " + plan.withKvFormats(null) + ", "
                + model.checkpoint().config();
        PreparedTensors prepared = store.open(model.checkpoint(), settings);
        try {
            InspectorEngine opened = OnnxEngine.open(model.weights().watched(watch), device, plan, prepared);
            model.whenHashed(sha256 -> {
                if (sha256 == null) prepared.close();
                else prepared.finish(sha256, model.checkpoint());
            });
            return opened;
        } catch (RuntimeException | Error e) {
            prepared.close();
            throw e;
        }
    }
}
