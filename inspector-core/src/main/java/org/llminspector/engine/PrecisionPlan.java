package org.llminspector.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Glob;
import org.llminspector.base.Problem;
import org.llminspector.quant.QuantScheme;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/**
 * PrecisionPlan chooses a precision for each matrix of a model: one for all, and others by name.
 *
 * <p>Modules are {@code blocks.i.attn.q|k|v|o} (of a latent vector {@code
 * blocks.i.attn.q_down|kv_down|k_rope} too), of a short convolution {@code blocks.i.conv.b|c|x|out}, {@code blocks.i.mlp.gate|in|out} (in a mixture {@code
 * blocks.i.mlp.experts.e.gate|in|out} and {@code blocks.i.mlp.shared_expert.gate|in|out}) and {@code unembed}, the canonical
 * weights' names; {@code embed} too where the unembedding is the same table. Norms, biases, a convolution's kernel and a
 * mixture's router are never rounded. The embedding's rows are in FP16 by torch. By onnx they are as the file has them where
 * the unembedding is another table; where it is the same one they are decoded from the unembedding's few bits on a CPU, and in
 * FP16 on CUDA where it is. {@code embed} in FP32 keeps them as the file has them, in a table beside the unembedding's codes.
 *
 * @param standard for every module without an override; {@code default} in JSON
 * @param kernel for weight-only precisions; null means fast
 * @param overrides later ones win
 * @param kvCache of the keys and values that are kept between two tokens; null means the engine's own: fp32, or fp16 by onnx
 *     on CUDA where its attention is
 * @param simulate weights that are put under a scheme and decoded again before the model is opened: it computes in the
 *     precision above with what the codes stand for, so that the answers are those of fewer bits and the speed is not; on
 *     torch only; later ones win
 */
public record PrecisionPlan(
        @JsonProperty("default") Precision standard,
        Kernel kernel,
        List<Part> overrides,
        KvFormats kvCache,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Simulated> simulate) {

    /**
     * Part is another choice for some modules.
     *
     * @param modules a name or a glob: {@code blocks.0.*}, {@code blocks.*.mlp.out}, {@code unembed}
     * @param kernel null means the plan's
     */
    public record Part(String modules, Precision precision, Kernel kernel) {}

    /**
     * Simulated is a scheme for some matrices, the embedding's among them: where the unembedding is the same table, both names
     * mean it.
     *
     * @param modules a name or a glob, as in {@link Part}, and {@code embed}, {@code pos_embed}; {@code *} for all
     * @param scheme as {@link QuantScheme#of} reads it, {@code int3-g32}; {@code none} for the weights as they are
     */
    public record Simulated(String modules, String scheme) {}

    /** Choice is what one module gets; kernel is null where the precision has only one. */
    public record Choice(Precision precision, Kernel kernel) {}

    public PrecisionPlan {
        if (standard == null) standard = Precision.FP32;
        kernel = kernel == null ? Kernel.FAST : kernel;
        overrides = overrides == null ? List.of() : List.copyOf(overrides);
        simulate = simulate == null ? List.of() : List.copyOf(simulate);
    }

    /** With the engine's own cache and the weights as they are. */
    public PrecisionPlan(Precision standard, Kernel kernel, List<Part> overrides) {
        this(standard, kernel, overrides, null, null);
    }

    /** Every matrix decoded from a scheme, in FP32. */
    public static PrecisionPlan simulated(String scheme) {
        return new PrecisionPlan(Precision.FP32, null, null, null, List.of(new Simulated("*", scheme)));
    }

    private static final String AS_IT_IS = "none";

    private static final String EMBED = "embed";

    /** Matrices of a short convolution. */
    private static final List<String> CONV = List.of("b", "c", "x", "out");

    /** More than any model has matrices. */
    private static final int MAX_OVERRIDES = 2_000;

    /** What a request means: its plan, or its precision for every module. */
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

    /** The same, with a cache that the request names beside it. */
    public static PrecisionPlan of(Precision precision, PrecisionPlan plan, KvFormats kvCache) {
        PrecisionPlan all = of(precision, plan);
        if (kvCache == null || kvCache.equals(all.kvCache())) return all;
        if (all.kvCache() != null) {
            throw Problem.invalid("the cache's format contradicts the plan")
                    .where("kv_cache, precision_plan.kv_cache")
                    .expected("one of them, or the same in both")
                    .found(kvCache.words() + " and " + all.kvCache().words());
        }
        return all.keeping(kvCache);
    }

    /** This plan with another cache. */
    public PrecisionPlan keeping(KvFormats formats) {
        return new PrecisionPlan(standard, kernel, overrides, formats, simulate);
    }

    /** The same for every module. */
    public static PrecisionPlan of(Precision precision) {
        return new PrecisionPlan(precision, null, null);
    }

    /** What a module gets. The embedding of a tied table is kept in FP32, or it is what the unembedding is. */
    public Choice at(String module) {
        Choice own = named(module);
        return module.equals(EMBED) && own.precision() != Precision.FP32 ? named("unembed") : own;
    }

    /** Whether the plan says FP32 of the embedding: then its rows are as the file has them. */
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

    /** This plan, with a last override. */
    public PrecisionPlan with(String modules, Choice choice) {
        List<Part> all = new ArrayList<>(overrides);
        all.add(new Part(modules, choice.precision(), choice.kernel()));
        return new PrecisionPlan(standard, kernel, all, kvCache, simulate);
    }

    /** The scheme that a canonical matrix is decoded from, null when it stays as it is. */
    public QuantScheme simulated(String weight, boolean tied) {
        String module = weight.replaceFirst("\\.weight$", "");
        String other = tied && module.equals(EMBED) ? "unembed" : module;
        String scheme = null;
        for (Simulated s : simulate) {
            if (matches(s.modules(), module) || matches(s.modules(), other)) scheme = s.scheme();
        }
        return scheme == null || scheme.equals(AS_IT_IS) ? null : QuantScheme.of(scheme);
    }

    /** What is simulated, in words: {@code * decoded from int3-g32}; empty when nothing is. */
    public String simulation() {
        return simulate.stream()
                .map(s -> s.modules() + " decoded from " + s.scheme())
                .collect(Collectors.joining(", "));
    }

    /** Whether a name or a glob means this module. */
    public static boolean matches(String pattern, String module) {
        return Glob.matches(pattern, module) || Glob.matches(pattern, module + ".weight");
    }

    /** Every precision of the plan that some module of the model gets, in the order of the modules. */
    public List<Choice> choices(DecoderSpec spec) {
        return modules(spec).stream().map(this::at).distinct().toList();
    }

    /** Refuses overrides that say nothing or match nothing. */
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
        checkSimulated(modules);
    }

    private void checkSimulated(List<String> modules) {
        if (simulate.size() > MAX_OVERRIDES) {
            throw Problem.tooLarge("too many simulated weights")
                    .where("precision_plan.simulate")
                    .expected("at most " + MAX_OVERRIDES)
                    .found(simulate.size());
        }
        List<String> matrices = new ArrayList<>(modules);
        matrices.addAll(List.of(EMBED, "pos_embed"));
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

    /** The names of a model's matrices, as data flows. */
    public static List<String> modules(DecoderSpec spec) {
        List<String> modules = new ArrayList<>();
        if (spec.tied()) modules.add(EMBED);
        for (int i = 0; i < spec.nLayers(); i++) {
            String block = "blocks." + i + ".";
            LayerSpec layer = spec.layers().get(i);
            if (layer.attends())
                for (String part : projections(layer.attention().latent())) modules.add(block + "attn." + part);
            else for (String part : CONV) modules.add(block + "conv." + part);
            Mlp mlp = spec.layers().get(i).mlp();
            Experts experts = mlp.experts();
            if (experts == null) feedForward(modules, block + "mlp.", mlp);
            for (int e = 0; experts != null && e < experts.count(); e++) {
                feedForward(modules, block + "mlp.experts." + e + ".", mlp);
            }
            if (experts != null && experts.dShared() != null) feedForward(modules, block + "mlp.shared_expert.", mlp);
        }
        modules.add("unembed");
        return modules;
    }

    private static List<String> projections(Latent latent) {
        if (latent == null) return List.of("q", "k", "v", "o");
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
