package org.llminspector.engine;

import java.util.Set;
import java.util.function.Consumer;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedStore;
import org.llminspector.spec.DecoderSpec;

/**
 * One kind of engine: its name in requests, its devices, the memory a model takes on it, and how it opens a model. Code outside
 * the engines' packages asks a kind, never for an engine's name. Safe on any thread.
 */
public interface EngineKind {

    /** Ability is something that not every kind can do. */
    enum Ability {
        /** Backward passes: {@link InspectorEngine#gradients}. */
        GRADIENTS,
        /** The time of each part of a pass: {@link Session#timed}. */
        PART_TIMES,
        /** One precision a module: {@link InspectorEngine#variant}. */
        VARIANTS,
        /** One open model serves sequences with KV caches of every format: {@link InspectorEngine#withKvFormats}. */
        ANY_CACHE
    }

    /** Source is a model on disk as a kind opens it. */
    interface Source {
        Checkpoint checkpoint();

        DecoderSpec spec();

        /** Canonical weights; not for an exported graph, whose weights are its own. */
        Weights weights();

        /** Runs an exported graph in a process of its own first; throws a Problem where that fails. */
        void probe();

        /** Calls back once with the SHA-256 of the weights, or null where they cannot be hashed. */
        void whenHashed(Consumer<String> then);
    }

    /**
     * StoredWeight is a canonical weight as an estimate counts it.
     *
     * @param inFile its float format in the file; null for quantized blocks
     * @param table whether it is the embedding of tokens or positions
     * @param module the module whose precision a plan gives it
     */
    record StoredWeight(double values, DType inFile, boolean vector, boolean table, String module) {

        public static StoredWeight of(Weights weights, String name) {
            TensorInfo info = weights.info(name);
            long[] shape = weights.shape(name);
            boolean table =
                    name.startsWith("embed") || name.startsWith("pos_embed") || name.equals(Weights.LAYER_TABLE);
            String own = name.replaceFirst("\\.weight$|\\.bias$", "");
            return new StoredWeight(
                    Tensor.elements(shape),
                    info.blocks() == null ? info.dtype() : null,
                    shape.length < 2,
                    table,
                    table && weights.spec().tied() ? "unembed" : own);
        }
    }

    /** WeightBytes is the bytes one number of a matrix takes, by the matrix's canonical name; shared scales included. */
    @FunctionalInterface
    interface WeightBytes {
        /** @param in numbers in a row, over which scales may be shared */
        double of(String module, long in);
    }

    /** The name in requests. Two kinds may share one, where no model opens on both. */
    String id();

    /** What this build has of it: devices and precisions. */
    Capabilities capabilities();

    Set<Ability> abilities();

    /** Whether it opens this sort of model at all. */
    default boolean opens(Source model) {
        return model.checkpoint().onnx().isEmpty();
    }

    /**
     * The device that a request means.
     *
     * @param wanted an id, or {@code auto}
     * @throws org.llminspector.base.Problem UNSUPPORTED for one that it does not run on
     */
    String device(String wanted);

    /**
     * Refuses a plan that it cannot compute.
     *
     * @throws org.llminspector.base.Problem INVALID for modules that the spec lacks, UNSUPPORTED for the rest
     */
    void check(PrecisionPlan plan, DecoderSpec spec);

    /** The formats of the model's keys and values. Opens nothing. */
    KvFormats kvFormats(Source model, String device, PrecisionPlan plan);

    /** Estimate of the bytes a model takes in addition to its mapped files, before it is opened. */
    long estimate(Source model, PrecisionPlan plan, PreparedStore prepared);

    /**
     * Bytes of one number of a matrix. Weights of few bits that a GGUF file has itself may differ; an exported graph's are the mean
     * over its file.
     *
     * @param parameters of the model
     */
    WeightBytes weightBytes(Source model, String device, PrecisionPlan plan, long parameters);

    /** Whether the embedding is a table of its own, next to the unembedding's. */
    default boolean ownEmbedding(Source model, String device, PrecisionPlan plan) {
        return !model.spec().tied();
    }

    /**
     * Copies of the scores [head, query, key] alive at once in a pass.
     *
     * @param visible whether scores are made one by one: in the hooked form, and where they are capped
     */
    int scoreCopies(boolean visible);

    /** Whether keys and values are repeated for the query heads that share them. */
    default boolean repeatsKeys() {
        return false;
    }

    /** Bytes of the largest buffer of one layer's keys or values. */
    long largestCacheBuffer();

    /**
     * Opens a model. Blocks.
     *
     * @param watch called for each weight that is read
     * @param device one that {@link #device} gave
     * @param prepared keeps what is made of the weights for the next opening
     */
    InspectorEngine open(Source model, Weights.Watch watch, String device, PrecisionPlan plan, PreparedStore prepared);
}
