package org.llminspector.engine;

/**
 * EngineInfo says what made a number: it is part of every run's manifest and of every figure's provenance.
 *
 * @param name {@code torch}, {@code onnx}
 * @param version of the native library
 * @param form {@code hooked}: every hook point exists; {@code fused}: fused operators, nothing inside a layer can be seen
 * @param device {@code cpu}, {@code cuda:0}
 * @param precision of the weights
 * @param arithmetic of the activations, for example {@code fp32}
 * @param threads used by one operation
 * @param loadMs milliseconds from the call to a model ready to run
 * @param weightBytes bytes of the weights as held by the engine
 */
public record EngineInfo(
        String name,
        String version,
        String form,
        String device,
        Precision precision,
        String arithmetic,
        int threads,
        double loadMs,
        long weightBytes) {

    /** The same engine, as one run used it. */
    public EngineInfo withForm(String form) {
        return new EngineInfo(name, version, form, device, precision, arithmetic, threads, loadMs, weightBytes);
    }

    /** The same engine computing otherwise. */
    public EngineInfo withArithmetic(String other) {
        return new EngineInfo(name, version, form, device, precision, other, threads, loadMs, weightBytes);
    }
}
