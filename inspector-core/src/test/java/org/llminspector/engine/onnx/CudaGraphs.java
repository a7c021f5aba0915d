package org.llminspector.engine.onnx;

import java.util.List;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Weights;
import org.llminspector.golden.Kind;

/** CudaGraphs opens models as they are written for CUDA, and has the CPU run them. */
public final class CudaGraphs {

    /** Written for CUDA, run by the CPU. */
    public static final Target TARGET = new Target(null, true, 2);

    private CudaGraphs() {}

    /** What runs such graphs here: the CPU, and the GPU where there is one. */
    static List<Target> targets() {
        return Kind.here().contains(Kind.ONNX_CUDA) ? List.of(TARGET, Target.cuda(0)) : List.of(TARGET);
    }

    public static OnnxEngine open(Weights weights, PrecisionPlan plan) {
        return OnnxEngine.open(weights, TARGET, plan);
    }

    /** The memory of a graph that is open on {@link #TARGET}; it closes the graph. */
    public static Memory memory() {
        GraphBuilder builder = new GraphBuilder();
        String x = builder.input("x", Type.FLOAT, 1);
        String y = builder.node("Mul", x, x);
        builder.output(y, Type.FLOAT);
        OnnxWeights weights = new OnnxWeights(null);
        OpenGraph open = new OpenGraph(Graph.of(builder, y), weights, TARGET, false);
        return new Memory() {
            @Override
            public Block reserve(long elements, Type type) {
                return open.memory().reserve(elements, type);
            }

            @Override
            public void close() {
                open.close();
                weights.close();
            }
        };
    }
}
