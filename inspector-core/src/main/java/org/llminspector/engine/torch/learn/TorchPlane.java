package org.llminspector.engine.torch.learn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.engine.torch.libtorch.Script;
import org.llminspector.engine.torch.libtorch.Tensors;

/** Losses of one sequence on a plane through a learner's weights, many points in one pass: {@link PlaneScript}. */
final class TorchPlane implements Learner.Plane {

    private static final int ROWS = 512; // tokens of all points of a pass
    private static final int LOGITS = 1 << 24; // of all points of a pass

    /** The learner whose weights are moved, as its plane needs it. */
    interface Passes {

        /** Runs on the engine's thread, while the learner is open. */
        <T> T work(Callable<T> work);

        /** Calls a method whose first argument is the weights. */
        NDList passesOfWeights(boolean gradients, String method, Script of, int length, NDArray... arguments);

        /** Sequences of the same length, [sequence, pos]. */
        NDArray ids(int[][] tokens);

        /** A manager on the learner's device. */
        NDManager newManager();
    }

    private final Passes learner;
    private final int[] tokens;
    private final int batch; // points of a pass
    private final NDManager manager;
    private final Script script;
    private final NDArray u; // [parameters]
    private final NDArray v;

    TorchPlane(Passes learner, int vocab, String methods, int[] tokens, Tensor u, Tensor v) {
        this.learner = learner;
        this.tokens = tokens;
        this.batch = Math.max(1, Math.min(ROWS, LOGITS / vocab) / tokens.length);
        this.manager = learner.newManager();
        this.script = EngineThread.call(() -> Script.compile(manager, methods));
        this.u = kept(u);
        this.v = kept(v);
    }

    private NDArray kept(Tensor values) {
        return EngineThread.call(() -> {
            NDArray array = Tensors.floats(manager, values);
            NDScope.unregister(array);
            return array;
        });
    }

    @Override
    public double[] losses(double[][] points) {
        return Arrays.stream(passed(false, "losses", points))
                .mapToDouble(p -> p[0])
                .toArray();
    }

    @Override
    public double[][] slopes(double[][] points) {
        return passed(true, "slopes", points);
    }

    private double[][] passed(boolean gradients, String method, double[][] points) {
        double[][] all = new double[points.length][];
        for (int from = 0; from < points.length; from += batch) {
            double[][] some = Arrays.copyOfRange(points, from, Math.min(points.length, from + batch));
            int at = from;
            learner.work(() -> {
                int[][] ids = new int[some.length][];
                Arrays.fill(ids, tokens);
                NDList result = learner.passesOfWeights(
                        gradients,
                        method,
                        script,
                        tokens.length - 1,
                        learner.ids(ids),
                        u,
                        v,
                        coordinates(some, 0),
                        coordinates(some, 1));
                for (int i = 0; i < some.length; i++) all[at + i] = new double[result.size()];
                for (int k = 0; k < result.size(); k++) {
                    float[] values = result.get(k).toFloatArray();
                    for (int i = 0; i < some.length; i++) all[at + i][k] = values[i];
                }
                return null;
            });
        }
        return all;
    }

    private NDArray coordinates(double[][] points, int axis) {
        float[] values = new float[points.length];
        for (int i = 0; i < values.length; i++) values[i] = (float) points[i][axis];
        return manager.create(values, new Shape(values.length));
    }

    @Override
    public void close() {
        EngineThread.run(() -> {
            script.close();
            manager.close();
        });
    }
}
