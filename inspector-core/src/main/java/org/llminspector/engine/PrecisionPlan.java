package org.llminspector.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Glob;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.quant.QuantScheme;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/**
 * Precision of each matrix of a model: a default, and overrides by name.
 *
 * <p>Modules are {@code blocks.i.attn.q|k|v|o}, and {@code gate} where attention has one (with latent attention also {@code
 * blocks.i.attn.q_down|kv_down|k_rope}), {@code blocks.i.conv.b|c|x|out} of a short convolution, {@code
 * blocks.i.ssm.*} of a recurrence ({@code gate}, {@code x} or {@code q}, {@code k}, {@code v}, ..., {@code out}), {@code
 * blocks.i.mlp.gate|in|out} (in a mixture {@code blocks.i.mlp.experts.e.gate|in|out} and {@code
 * blocks.i.mlp.shared_expert.gate|in|out}) and {@code unembed}: the canonical weights' names; with a tied embedding
 * also {@code embed}. Norms, biases, a convolution's kernel and a mixture's router are never rounded. On torch, the
 * embedding's rows are in FP16 when the default is. On onnx, an untied embedding stays as the file has it; a tied one
 * is decoded from the unembedding's quantized weights on a CPU, and is in FP16 on CUDA where the unembedding is. {@code
 * embed} in FP32 keeps a tied embedding as the file has it, in a table of its own next to the unembedding's codes.
 *
 * @param standard precision of every module without an override; {@code default} in JSON
 * @param kernel for weight-only precisions; null means fast
 * @param overrides later ones win
 * @param kvCache format of the KV cache; null means the engine's own: fp32, or fp16 on onnx with CUDA where its
 *     attention is in fp16
 * @param simulate weights that are quantized and decoded again before the model is opened: it computes in the precision
 *     above with the decoded values, so that results are those of fewer bits while speed is not; torch only; later ones
 *     win
 */
public record PrecisionPlan(
        @JsonProperty("default") Precision standard,
        Kernel kernel,
        List<Part> overrides,
        KvFormats kvCache,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Simulated> simulate) {

    /**
     * Override of the precision of some modules.
     *
     * @param modules a name or a glob: {@code blocks.0.*}, {@code blocks.*.mlp.out}, {@code unembed}
     * @param kernel null means the plan's
     */
    public record Part(String modules, Precision precision, Kernel kernel) {}

    /**
     * Quantization scheme to simulate for some matrices, which may include the embedding; with a tied embedding both
     * names mean the one table.
     *
     * @param modules a name or a glob, as in {@link Part}, and {@code embed}, {@code pos_embed}; {@code *} for all
     * @param scheme as {@link QuantScheme#of} reads it, {@code int3-g32}; {@code none} for the weights as they are
     */
    public record Simulated(String modules, String scheme) {}

    /** Precision and kernel of one module; kernel is null where the precision has only one. */
    public record Choice(Precision precision, Kernel kernel) {}

    public PrecisionPlan {
        if (standard == null) standard = Precision.FP32;
        kernel = kernel == null ? Kernel.FAST : kernel;
        overrides = overrides == null ? List.of() : List.copyOf(overrides);
        simulate = simulate == null ? List.of() : List.copyOf(simulate);
    }

    /** With the engine's own cache format and nothing simulated. */
    public PrecisionPlan(Precision standard, Kernel kernel, List<Part> overrides) {
        this(standard, kernel, overrides, null, null);
    }

    /** Every matrix simulated under one scheme, in FP32. */
    public static PrecisionPlan simulated(String scheme) {
        return new PrecisionPlan(Precision.FP32, null, null, null, List.of(new Simulated("*", scheme)));
    }

    private static final String AS_IT_IS = "none";

    private static final String EMBED = "embed";

    /** Matrices of a short convolution. */
    private static final List<String> CONV = List.of("b", "c", "x", "out");

    /** More than the matrices of any model. */
    private static final int MAX_OVERRIDES = 2_000;

    /** The plan of a request: its own, or its precision for every module. */
    public static PrecisionPlan of(Precision precision, PrecisionPlan plan) {
        if (plan == null) return of(precision == null ? Precision.FP32 : precision);
        if (precision != null && precision != plan.standard()) {
            throw Problem.invalid("the precision contradicts the plan")
                    .where("precision, precision_plan.default")
                    .expected("one of them, or the same in both")
                    .found(precision.label() + " and " + plan.standard().label());
        }
        return plan;
    }

    /** The same, with a KV cache format that the request names separately. */
    public static PrecisionPlan of(Precision precision, PrecisionPlan plan, KvFormats kvCache) {
        PrecisionPlan all = of(precision, plan);
        if (kvCache == null || kvCache.equals(all.kvCache())) return all;
        if (all.kvCache() != null) {
            throw Problem.invalid("the cache's format contradicts the plan")
                    .where("kv_cache, precision_plan.kv_cache")
                    .expected("one of them, or the same in both")
                    .found(kvCache.words() + " and " + all.kvCache().words());
        }
        return all.withKvFormats(kvCache);
    }

    /** This plan with another KV cache format. */
    public PrecisionPlan withKvFormats(KvFormats formats) {
        return new PrecisionPlan(standard, kernel, overrides, formats, simulate);
    }

    /** One precision for every module. */
    public static PrecisionPlan of(Precision precision) {
        return new PrecisionPlan(precision, null, null);
    }

    /** The choice for a module. A tied embedding is either kept in FP32 or has the unembedding's choice. */
    public Choice at(String module) {
        Choice own = named(module);
        return module.equals(EMBED) && own.precision() != Precision.FP32 ? named("unembed") : own;
    }

    /** Whether the plan has the embedding in FP32: then its rows are as the file has them. */
    public boolean keepsEmbedding() {
        return named(EMBED).precision() == Precision.FP32;
    }

    private Choice named(String module) {
        Choice choice = choice(standard, kernel);
        for (Part o : overrides) {
            if (matches(o.modules(), module)) choice = choice(o.precision(), o.kernel() == null ? kernel : o.kernel());
        }
        return choice;
    }

    private static Choice choice(Precision precision, Kernel kernel) {
        return new Choice(precision, precision.weightOnly() ? kernel : null);
    }

    /** This plan with another override appended. */
    public PrecisionPlan with(String modules, Choice choice) {
        List<Part> all = new ArrayList<>(overrides);
        all.add(new Part(modules, choice.precision(), choice.kernel()));
        return new PrecisionPlan(standard, kernel, all, kvCache, simulate);
    }

    /** The scheme simulated for a canonical matrix; null when there is none. */
    public QuantScheme simulated(String weight, boolean tied) {
        String module = weight.replaceFirst("\\.weight$", "");
        String other = tied && module.equals(EMBED) ? "unembed" : module;
        String scheme = null;
        for (Simulated s : simulate) {
            if (matches(s.modules(), module) || matches(s.modules(), other)) scheme = s.scheme();
        }
        return scheme == null || scheme.equals(AS_IT_IS) ? null : QuantScheme.of(scheme);
    }

    /** Summary of the simulation: {@code * decoded from int3-g32}; empty when nothing is. */
    public String simulation() {
        return simulate.stream()
                .map(s -> s.modules() + " decoded from " + s.scheme())
                .collect(Collectors.joining(", "));
    }

    /** Whether a name or a glob matches this module. */
    public static boolean matches(String pattern, String module) {
        return Glob.matches(pattern, module) || Glob.matches(pattern, module + ".weight");
    }

    /** Every distinct choice that some module of the model gets, in the order of the modules. */
    public List<Choice> choices(DecoderSpec spec) {
        return modules(spec).stream().map(this::at).distinct().toList();
    }

    /** Refuses overrides that are incomplete or match no module. */
    public void check(DecoderSpec spec) {
        if (overrides.size() > MAX_OVERRIDES) {
            throw Problem.tooLarge("too many overrides")
                    .where("precision_plan.overrides")
                    .expected("at most " + MAX_OVERRIDES)
                    .found(overrides.size())
                    .instead("use globs: blocks.*.mlp.* means every layer's");
        }
        List<String> modules = modules(spec);
        for (int i = 0; i < overrides.size(); i++) {
            Part o = overrides.get(i);
            String at = "precision_plan.overrides[" + i + "]";
            if (o.modules() == null || o.precision() == null) {
                throw Problem.invalid("the override is incomplete").where(at).expected("modules and precision");
            }
            Glob.check(o.modules(), at + ".modules");
            if (modules.stream().noneMatch(m -> matches(o.modules(), m))) {
                throw Problem.invalid("no module of this model has such a name")
                        .where(at + ".modules")
                        .expected("a name or a glob, such as blocks.0.*, blocks.*.mlp.out or unembed"
                                + (spec.tied() ? "" : "; the embedding is another table, which stays as it is"))
                        .found(Problem.shown(o.modules()));
            }
            if (o.modules().equals(EMBED) && !o.precision().equals(at(EMBED).precision())) {
                throw Problem.invalid(
                                "the embedding is one table with the unembedding: it is kept, or it is what that is")
                        .where(at + ".precision")
                        .expected("fp32, or " + at("unembed").precision().label())
                        .found(o.precision().label());
            }
        }
        checkSimulated(matrices(spec));
    }

    private void checkSimulated(List<String> matrices) {
        if (simulate.size() > MAX_OVERRIDES) {
            throw Problem.tooLarge("too many simulated weights")
                    .where("precision_plan.simulate")
                    .expected("at most " + MAX_OVERRIDES)
                    .found(simulate.size());
        }
        for (int i = 0; i < simulate.size(); i++) {
            Simulated s = simulate.get(i);
            String at = "precision_plan.simulate[" + i + "]";
            if (s.modules() == null || s.scheme() == null) {
                throw Problem.invalid("the simulation is incomplete").where(at).expected("modules and scheme");
            }
            Glob.check(s.modules(), at + ".modules");
            if (matrices.stream().noneMatch(m -> matches(s.modules(), m))) {
                throw Problem.invalid("no matrix of this model has such a name")
                        .where(at + ".modules")
                        .expected("a name or a glob, such as *, blocks.0.*, blocks.*.mlp.out, embed or unembed")
                        .found(Problem.shown(s.modules()));
            }
            if (!s.scheme().equals(AS_IT_IS)) QuantScheme.of(s.scheme());
        }
        if (!simulate.isEmpty() && standard != Precision.FP32) {
            throw Problem.unsupported("simulated weights are computed with in fp32")
                    .where("precision_plan.default")
                    .expected("fp32: what codes stand for is rounded no further")
                    .found(standard.label());
        }
    }

    /** What can be simulated: the modules and the tables of tokens and of learned positions. */
    public static List<String> matrices(DecoderSpec spec) {
        List<String> matrices = new ArrayList<>(modules(spec));
        matrices.addAll(List.of(EMBED, "pos_embed"));
        return matrices;
    }

    /** The names of a model's matrices, in the order in which data flows. */
    public static List<String> modules(DecoderSpec spec) {
        List<String> modules = new ArrayList<>();
        if (spec.tied()) modules.add(EMBED);
        for (int i = 0; i < spec.nLayers(); i++) {
            String block = "blocks." + i + ".";
            LayerSpec layer = spec.layers().get(i);
            if (layer.attends()) for (String part : projections(layer.attention())) modules.add(block + "attn." + part);
            if (layer.convolves()) for (String part : CONV) modules.add(block + "conv." + part);
            if (layer.recurrence() != null)
                for (String part : recurrent(layer.recurrence())) modules.add(block + "ssm." + part);
            Mlp mlp = spec.layers().get(i).mlp();
            Experts experts = mlp.experts();
            if (experts == null && layer.feedsForward()) feedForward(modules, block + "mlp.", mlp);
            for (int e = 0; experts != null && e < experts.count(); e++) {
                feedForward(modules, block + "mlp.experts." + e + ".", mlp);
            }
            if (experts != null && experts.dShared() != null) feedForward(modules, block + "mlp.shared_expert.", mlp);
            if (layer.laurel() != null) modules.addAll(List.of(block + "laurel.left", block + "laurel.right"));
            if (spec.layerInputs() != null) modules.addAll(List.of(block + "ple.gate", block + "ple.out"));
        }
        modules.add("unembed");
        return modules;
    }

    private static List<String> recurrent(Recurrent r) {
        if (r instanceof Mamba) return List.of("x", "gate", "dt_down", "b", "c", "dt", "out");
        if (r instanceof Mamba2) return List.of("gate", "x", "b", "c", "dt", "out");
        if (r instanceof RgLru) return List.of("x", "gate", "out");
        if (r instanceof Lightning) return List.of("q", "k", "v", "gate", "out");
        return ((DeltaNet) r).dLatent() == null
                ? List.of("q", "k", "v", "beta", "gate", "decay", "out")
                : List.of("q", "k", "v", "beta", "gate_down", "gate", "decay_down", "decay", "out");
    }

    private static List<String> projections(Attention a) {
        Latent latent = a.latent();
        if (latent == null && a.keysFrom() != null) return List.of("q", "o");
        if (latent == null && a.valuesAreKeys()) return List.of("q", "k", "o");
        if (latent == null) return a.gated() ? List.of("q", "k", "v", "gate", "o") : List.of("q", "k", "v", "o");
        return latent.dQuery() == null
                ? List.of("q", "kv_down", "k_rope", "k", "v", "o")
                : List.of("q_down", "q", "kv_down", "k_rope", "k", "v", "o");
    }

    private static void feedForward(List<String> modules, String name, Mlp mlp) {
        if (mlp.gated()) modules.add(name + "gate");
        modules.add(name + "in");
        modules.add(name + "out");
    }
}
