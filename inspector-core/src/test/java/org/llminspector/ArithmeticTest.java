package org.llminspector;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.reflect.RecordComponent;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.engine.layer.Ops;
import org.llminspector.engine.layer.PlainOps;
import org.llminspector.spec.Alibi;
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
import org.llminspector.spec.Norm;
import org.llminspector.spec.RgLru;
import org.llminspector.spec.Rope;
import org.llminspector.spec.Routing;
import org.llminspector.spec.ShortConv;
import org.llminspector.spec.StreamFactors;

/**
 * A decoder's arithmetic is written once, in engine.layer: it reads every field of the spec, or this test says why not.
 * A back end that has a faster form of a composition reads in it whatever the composition reads.
 */
class ArithmeticTest {

    private static final List<Class<? extends Record>> SPECS = List.of(
            DecoderSpec.class,
            LayerSpec.class,
            Attention.class,
            Alibi.class,
            Latent.class,
            ShortConv.class,
            Mamba.class,
            Mamba2.class,
            DeltaNet.class,
            Lightning.class,
            RgLru.class,
            StreamFactors.class,
            Mlp.class,
            Experts.class,
            Routing.class,
            Norm.class,
            Rope.class);

    /** Fields that the layers do not read, and why. */
    private static final Map<String, String> UNREAD = new TreeMap<>(Map.ofEntries(
            Map.entry("Attention.qkvBias", "a bias is added where the weights have one"),
            Map.entry("Attention.outBias", "a bias is added where the weights have one"),
            Map.entry("ShortConv.bias", "a bias is added where the weights have one"),
            Map.entry("Mlp.bias", "a bias is added where the weights have one"),
            Map.entry("DecoderSpec.unembedBias", "a bias is added where the weights have one"),
            Map.entry("DecoderSpec.vocab", "the embedding's own shape"),
            Map.entry("DecoderSpec.tied", "a back end's weights have an unembedding either way"),
            Map.entry("DecoderSpec.maxContext", "sessions refuse a position past it"),
            Map.entry("DecoderSpec.family", "for people only"),
            Map.entry("Mamba.bias", "a bias is added where the weights have one"),
            Map.entry("Mamba.convBias", "a bias is added where the weights have one"),
            Map.entry("Mamba2.bias", "a bias is added where the weights have one"),
            Map.entry("Mamba2.convBias", "a bias is added where the weights have one")));

    /** Tables of positions, which all back ends take from here. */
    private static final List<String> TABLES = List.of(
            "org.llminspector.engine.PositionTables",
            "org.llminspector.spec.RopeFrequencies",
            "org.llminspector.spec.Attention",
            "org.llminspector.spec.Reach",
            "org.llminspector.spec.QueryScale",
            "org.llminspector.spec.AlibiBias");

    /** Fields of attention that the abstract {@link Ops#masked} reads in every back end. */
    private static final Set<String> MASK = Set.of("Attention.window", "Attention.chunk", "Attention.alibi");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.llminspector.engine", "org.llminspector.spec");

    @Test
    void theLayersReadEveryFieldOfTheSpec() {
        Set<String> read = read(CLASSES.stream()
                .filter(c -> inLayer(c) || TABLES.stream().anyMatch(t -> isOrIsIn(c, t)))
                .flatMap(c -> c.getCodeUnits().stream()));
        read.addAll(MASK);
        Set<String> unread = SPECS.stream()
                .flatMap(s -> Stream.of(s.getRecordComponents()).map(c -> field(s, c)))
                .filter(f -> !read.contains(f))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(unread).isEqualTo(UNREAD.keySet());
    }

    @Test
    void aFasterFormReadsWhatTheCompositionReads() {
        Map<String, Set<String>> checked = new TreeMap<>();
        for (JavaClass c : CLASSES.get(PlainOps.class).getAllSubclasses()) {
            for (JavaMethod own : c.getMethods()) {
                if (own.getModifiers().toString().contains("SYNTHETIC")) continue;
                composition(own).ifPresent(composed -> {
                    Set<String> needed = read(reached(composed, ArithmeticTest::inLayer));
                    if (own.getName().equals("attend")) needed.addAll(MASK);
                    Set<String> read = read(Stream.concat(
                            reached(own, k -> (inLayer(k) && !k.isEquivalentTo(PlainOps.class)) || isBackEnd(k)),
                            // what the constructor asks of the layer, as the window of a single position
                            c.getConstructors().stream()));
                    checked.put(c.getSimpleName() + "." + own.getName(), needed);
                    assertThat(read).as(own.getFullName()).containsAll(needed);
                });
            }
        }
        assertThat(checked.keySet())
                .contains("FusedOps.attend", "LayerScript.attend", "LearnerScript.attend", "ScriptOps.norm");
        assertThat(checked.get("FusedOps.attend"))
                .contains("Attention.scale", "Attention.scoreSoftcap", "Attention.sinks", "Attention.nKvHeads");
    }

    @Test
    void everyBackEndReadsWhatMasksScores() {
        for (List<String> parts : List.of(
                List.of("torch.ArrayOps", "torch.Positions"),
                List.of("torch.LayerScript"),
                List.of("torch.learn.LearnerScript"),
                List.of("onnx.layer.NodeOps"),
                List.of("onnx.layer.FusedOps"))) {
            Set<String> read = read(CLASSES.stream()
                    .filter(c -> parts.stream().anyMatch(p -> isOrIsIn(c, "org.llminspector.engine." + p)))
                    .flatMap(c -> c.getCodeUnits().stream()));
            assertThat(read).as(parts.get(0)).containsAll(MASK);
        }
    }

    /** The default method that a back end's method overrides. */
    private static Optional<JavaMethod> composition(JavaMethod own) {
        return CLASSES.get(PlainOps.class).getMethods().stream()
                .filter(m -> m.getName().equals(own.getName()))
                .filter(m -> m.getParameters().size() == own.getParameters().size())
                .filter(m -> !m.getModifiers().toString().contains("SYNTHETIC"))
                .findFirst();
    }

    /** A method and those that it calls, in the classes of a kind. */
    private static Stream<JavaCodeUnit> reached(JavaCodeUnit from, Predicate<JavaClass> within) {
        Set<JavaCodeUnit> seen = new HashSet<>(Set.of(from));
        Deque<JavaCodeUnit> open = new ArrayDeque<>(seen);
        while (!open.isEmpty()) {
            calls(open.pop())
                    .map(c -> c.getTarget().resolveMember())
                    .forEach(target -> target.ifPresent(m -> {
                        if (within.test(m.getOwner()) && seen.add((JavaCodeUnit) m)) open.add((JavaCodeUnit) m);
                    }));
        }
        return seen.stream();
    }

    private static Stream<JavaAccess<?>> calls(JavaCodeUnit unit) {
        return Stream.concat(unit.getMethodCallsFromSelf().stream(), unit.getMethodReferencesFromSelf().stream());
    }

    /** Fields of the spec whose accessors are called. */
    private static Set<String> read(Stream<? extends JavaCodeUnit> units) {
        Set<String> read = new TreeSet<>();
        units.flatMap(ArithmeticTest::calls).forEach(call -> {
            for (Class<? extends Record> spec : SPECS) {
                if (!call.getTargetOwner().isEquivalentTo(spec)) continue;
                if (call.getTargetOwner().isEquivalentTo(Attention.class)
                        && call.getName().equals("reach")) read.addAll(Set.of("Attention.window", "Attention.chunk"));
                for (RecordComponent c : spec.getRecordComponents())
                    if (call.getName().equals(c.getName())) read.add(field(spec, c));
            }
        });
        return read;
    }

    private static String field(Class<?> spec, RecordComponent c) {
        return spec.getSimpleName() + "." + c.getName();
    }

    /** MatrixInput is a table of names: what it reads of a spec, no layer computes with. */
    private static boolean inLayer(JavaClass c) {
        return c.getPackageName().equals("org.llminspector.engine.layer") && !isOrIsIn(c, MatrixInput.class.getName());
    }

    private static boolean isBackEnd(JavaClass c) {
        return c.isAssignableTo(Ops.class) && !c.isEquivalentTo(Ops.class) && !inLayer(c);
    }

    private static boolean isOrIsIn(JavaClass c, String name) {
        return c.getName().equals(name) || c.getName().startsWith(name + "$");
    }
}
