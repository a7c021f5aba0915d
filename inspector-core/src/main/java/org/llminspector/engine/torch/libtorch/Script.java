package org.llminspector.engine.torch.libtorch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * TorchScript module compiled by libtorch from source: many operations in one call.
 *
 * <p>Runs on the engine thread.
 */
public final class Script implements AutoCloseable {

    private final PtSymbolBlock module;

    private Script(PtSymbolBlock module) {
        this.module = module;
    }

    /**
     * Compiles methods in the form of {@link ScriptArchive#of}; throws EngineException on libtorch's compile errors.
     */
    public static Script compile(NDManager manager, String methods) {
        try (ByteArrayInputStream in = new ByteArrayInputStream(ScriptArchive.of(methods))) {
            return new Script(JniUtils.loadModule((PtNDManager) manager, in, false, false));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Calls a method that changes none of its tensors, without gradients.
     *
     * @param manager that the results belong to
     * @param arguments NDArray, {@code List<NDArray>}, Long, Double, Boolean or long[], as the method declares them
     * @return its tensors: one, a list or a tuple of them
     */
    NDList call(NDManager manager, String method, Object... arguments) {
        IValue[] values = new IValue[arguments.length];
        try {
            for (int i = 0; i < values.length; i++) values[i] = value(arguments[i]);
            try (IValue result = IValueUtils.runMethod(module, method, values)) {
                return result.toNDList((PtNDManager) manager);
            }
        } finally {
            for (IValue v : values) if (v != null) v.close();
        }
    }

    /**
     * Calls a method that may change its tensors, without gradients. Every call computes the same, bit for bit.
     *
     * @param manager that the results belong to
     * @param arguments as {@link #call} takes them
     */
    public NDList callAsWritten(NDManager manager, String method, Object... arguments) {
        JniUtils.setGraphExecutorOptimize(false);
        try {
            return call(manager, method, arguments);
        } finally {
            JniUtils.setGraphExecutorOptimize(true);
        }
    }

    /**
     * Calls a method of tensors that may change them and, with {@code gradients}, differentiate inside: the leaves of
     * {@code torch.grad} are tensors that it detaches and marks with {@code requires_grad_(True)}.
     *
     * <p>Every call computes the same, bit for bit, unlike {@link #call}, which optimizes a method after its first
     * calls and then rounds differently.
     *
     * @param manager that the results belong to
     */
    public NDList callAsWritten(NDManager manager, boolean gradients, String method, NDArray... arguments) {
        NDList inputs = new NDList(arguments.length + 1);
        boolean before = JniUtils.isGradMode();
        try (NDArray name = manager.create(0f)) {
            name.setName("module_method:" + method); // DJL's way to name a method: no argument, but first in the list
            inputs.add(name);
            inputs.addAll(List.of(arguments));
            JniUtils.setGradMode(gradients);
            JniUtils.setGraphExecutorOptimize(false);
            return IValueUtils.forward(module, inputs, true);
        } finally {
            JniUtils.setGraphExecutorOptimize(true);
            JniUtils.setGradMode(before);
        }
    }

    private static IValue value(Object argument) {
        if (argument instanceof NDArray a) return IValue.from((PtNDArray) a);
        if (argument instanceof Long l) return IValue.from(l);
        if (argument instanceof Integer i) return IValue.from(i.longValue());
        if (argument instanceof Double d) return IValue.from(d);
        if (argument instanceof Boolean b) return IValue.from(b);
        if (argument instanceof long[] longs) return IValue.listFrom(longs);
        if (argument instanceof double[] doubles) return IValue.listFrom(doubles);
        if (argument instanceof List<?> list) {
            return IValue.listFrom(list.stream().map(PtNDArray.class::cast).toArray(PtNDArray[]::new));
        }
        throw new IllegalArgumentException("no TorchScript value: " + argument);
    }

    @Override
    public void close() {
        module.close();
    }
}
