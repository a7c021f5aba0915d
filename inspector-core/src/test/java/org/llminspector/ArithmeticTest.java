package org.llminspector;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnitAccess;
import com.tngtech.archunit.core.domain.JavaConstructor;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;
import org.llminspector.spec.Routing;
import org.llminspector.spec.ShortConv;

/**
 * A decoder's arithmetic is written four times: operation by operation, as TorchScript of a layer, as TorchScript of a
 * training step, and as an ONNX graph. Each of them reads every field of the spec, or says here why not: a new field that
 * one of them has not heard of fails.
 */
class ArithmeticTest {

    private static final List<Class<? extends Record>> LAYER = List.of(
            LayerSpec.class,
            Attention.class,
            Latent.class,
            ShortConv.class,
            Mlp.class,
            Experts.class,
            Routing.class,
            Norm.class,
            Rope.class);
    private static final List<Class<? extends Record>> MODEL =
            Stream.concat(Stream.of(DecoderSpec.class), LAYER.stream()).toList();

    /**
     * A writer of the arithmetic.
     *
     * @param parts the classes that write it, by their names in org.llminspector
     * @param specs the records that it writes of: a layer's, or the model's
     * @param unread fields that none of the parts reads, and why
     */
    private record Writer(List<String> parts, List<Class<? extends Record>> specs, Map<String, String> unread) {}

    private static final String IN_WEIGHTS = "a bias is added where the weights have one";
    private static final String WEIGHT = "a norm multiplies where the weights have one";
    private static final String SIZE = "the weights' own shapes say it";
    private static final String LONGEST = "sessions refuse a position past it";
    private static final String NAME = "for people only";
    private static final String DECODERS = "the decoder goes on where a token is sent to experts";
    private static final String NO_MIXTURE = "ParameterLayout holds a feed-forward part without experts against it";

    private static final String VALUE = "Attention.dValue says it";
    private static final String NO_LATENT = "ParameterLayout holds attention without a latent vector against it";

    private static final String NO_CONV = "ParameterLayout holds a layer with attention against it";

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.llminspector.engine", "org.llminspector.spec");

    static Stream<Writer> writers() {
        return Stream.of(
                new Writer(
                        List.of(
                                "engine.torch.Decoder",
                                "engine.torch.Mixture",
                                "engine.torch.LatentAttention",
                                "engine.torch.GatedConvolution",
                                "engine.torch.Positions",
                                "engine.PositionTables",
                                "spec.RopeFrequencies"),
                        MODEL,
                        weights(Map.of(
                                "Attention.qkNormByHead", SIZE,
                                "Mlp.dMlp", SIZE,
                                "Latent.dLatent", SIZE,
                                "Latent.dValue", VALUE,
                                "DecoderSpec.dModel", SIZE,
                                "DecoderSpec.vocab", SIZE,
                                "DecoderSpec.maxContext", LONGEST,
                                "DecoderSpec.tied", "the weights have an unembedding either way",
                                "DecoderSpec.unembedBias", IN_WEIGHTS,
                                "DecoderSpec.family", NAME))),
                new Writer(
                        List.of(
                                "engine.torch.LayerScript",
                                "engine.torch.FusedLayers",
                                "engine.torch.Positions",
                                "engine.PositionTables",
                                "spec.RopeFrequencies"),
                        LAYER,
                        weights(mixtures(Map.of("Mlp.dMlp", SIZE, "Latent.dValue", VALUE), DECODERS))),
                new Writer(
                        List.of(
                                "engine.torch.learn.LearnerScript",
                                "engine.torch.learn.ParameterLayout",
                                "engine.torch.learn.TorchLearner",
                                "spec.RopeFrequencies"),
                        MODEL,
                        mixtures(
                                Map.of(
                                        "Latent.dLatent", NO_LATENT,
                                        "Latent.dQuery", NO_LATENT,
                                        "Latent.dValue", NO_LATENT,
                                        "Latent.norm", NO_LATENT,
                                        "ShortConv.width", NO_CONV,
                                        "ShortConv.bias", NO_CONV),
                                NO_MIXTURE)),
                new Writer(
                        List.of(
                                "engine.onnx.layer.GraphWriter",
                                "engine.onnx.layer.MixtureGraph",
                                "engine.onnx.layer.LatentGraph",
                                "engine.onnx.layer.ConvolutionGraph",
                                "engine.onnx.layer.Linears",
                                "engine.onnx.layer.Norms",
                                "engine.onnx.layer.Activations",
                                "engine.onnx.layer.Rotary",
                                "engine.onnx.layer.AlibiGraph",
                                "engine.onnx.layer.PlainAttention",
                                "engine.onnx.layer.FusedAttention",
                                "engine.onnx.PositionInputs",
                                "engine.PositionTables",
                                "spec.RopeFrequencies"),
                        MODEL,
                        weights(Map.of(
                                "Latent.dValue", VALUE,
                                "DecoderSpec.unembedBias", IN_WEIGHTS,
                                "DecoderSpec.vocab", SIZE,
                                "DecoderSpec.maxContext", LONGEST,
                                "DecoderSpec.family", NAME))));
    }

    /** These, and every field of a mixture's. */
    private static Map<String, String> mixtures(Map<String, String> more, String why) {
        Map<String, String> unread = new TreeMap<>(more);
        for (Class<? extends Record> spec : List.of(Experts.class, Routing.class)) {
            for (RecordComponent c : spec.getRecordComponents()) {
                unread.put(spec.getSimpleName() + "." + c.getName(), why);
            }
        }
        return unread;
    }

    /** These, and what the weights say by being there. */
    private static Map<String, String> weights(Map<String, String> more) {
        Map<String, String> unread = new TreeMap<>(more);
        List.of("Attention.qkvBias", "Attention.outBias", "ShortConv.bias", "Mlp.bias", "Norm.bias")
                .forEach(f -> unread.put(f, IN_WEIGHTS));
        unread.put("Norm.weight", WEIGHT);
        return unread;
    }

    @ParameterizedTest
    @MethodSource("writers")
    void everyFieldIsReadOrItIsSaidWhyNot(Writer writer) {
        assertThat(writer.parts()).allMatch(part -> CLASSES.contain("org.llminspector." + part));
        Set<String> unread = new TreeSet<>();
        for (Class<? extends Record> spec : writer.specs()) {
            for (RecordComponent c : spec.getRecordComponents()) {
                if (!reads(writer, spec, c.getName())) unread.add(spec.getSimpleName() + "." + c.getName());
            }
        }
        assertThat(unread)
                .as("fields of the spec that %s does not read", writer.parts().get(0))
                .isEqualTo(new TreeSet<>(writer.unread().keySet()));
    }

    /** What ParameterLayout passes on, instead of holding it against a Llama's constant, the training step has to read. */
    @Test
    void whatTheLayoutPassesOnIsReadByTheTrainingStep() {
        Set<String> passed = called("engine.torch.learn.ParameterLayout");
        passed.removeAll(called("engine.torch.learn.LearnerScript"));
        passed.removeAll(called("engine.torch.learn.TorchLearner"));
        passed.removeAll(called("spec.RopeFrequencies"));
        assertThat(passed).as("passed on, and read by no step").containsExactly("DecoderSpec.family");
    }

    /** Fields of the spec whose accessor a class calls. */
    private static Set<String> called(String part) {
        Set<String> called = new TreeSet<>();
        for (Class<? extends Record> spec : MODEL) {
            for (RecordComponent c : spec.getRecordComponents()) {
                boolean calls = CLASSES.stream()
                        .filter(k -> isPart(k, "org.llminspector." + part))
                        .flatMap(k -> k.getCodeUnitCallsFromSelf().stream())
                        .map(JavaCodeUnitAccess::getTarget)
                        .anyMatch(t ->
                                t.getOwner().isEquivalentTo(spec) && t.getName().equals(c.getName()));
                if (calls) called.add(spec.getSimpleName() + "." + c.getName());
            }
        }
        return called;
    }

    /** Whether a part calls the field's accessor, or makes such a record to hold one against, which names every field. */
    private static boolean reads(Writer writer, Class<?> spec, String field) {
        return CLASSES.stream()
                .filter(c -> writer.parts().stream().anyMatch(p -> isPart(c, "org.llminspector." + p)))
                .flatMap(c -> c.getCodeUnitCallsFromSelf().stream())
                .map(JavaCodeUnitAccess::getTarget)
                .filter(t -> t.getOwner().isEquivalentTo(spec))
                .anyMatch(t -> t.getName().equals(field) || t.getName().equals(JavaConstructor.CONSTRUCTOR_NAME));
    }

    /** The class itself, or one within it. */
    private static boolean isPart(JavaClass c, String name) {
        return c.getName().equals(name) || c.getName().startsWith(name + "$");
    }
}
