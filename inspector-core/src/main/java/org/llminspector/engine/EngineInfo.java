package org.llminspector.engine;

/**
 * Engine, device, precision and library version behind a result; part of every run's manifest and of every figure's
 * provenance.
 *
 * @param name {@code torch}, {@code onnx}
 * @param version of the native library
 * @param form {@code hooked}: every hook point exists; {@code fused}: fused operators, values inside a layer cannot be
 *     captured
 * @param device {@code cpu}, {@code cuda:0}
 * @param precision of the weights
 * @param arithmetic of the activations, for example {@code fp32}
 * @param threads used by one operation
 * @param loadMs milliseconds from the call to a model ready to run
 * @param weightBytes bytes of the weights in the engine's memory
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

    /** A copy with the form that one run used. */
    public EngineInfo withForm(String form) {
        return new EngineInfo(name, version, form, device, precision, arithmetic, threads, loadMs, weightBytes);
    }

    /** A copy with another arithmetic. */
    public EngineInfo withArithmetic(String other) {
        return new EngineInfo(name, version, form, device, precision, other, threads, loadMs, weightBytes);
    }
}
