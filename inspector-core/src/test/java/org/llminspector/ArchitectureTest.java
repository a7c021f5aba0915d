package org.llminspector;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rooms of ARCHITECTURE.md, from left to right: nothing imports a room to its right. */
class ArchitectureTest {

    private static final List<String> ROOMS = List.of(
            "base",
            "base.platform",
            "djl",
            "checkpoint.gguf",
            "checkpoint.onnx",
            "checkpoint",
            "local",
            "hub.repo",
            "hub",
            "tokenize.jinja.runtime",
            "tokenize.jinja",
            "tokenize.file",
            "tokenize",
            "parquet",
            "corpus",
            "spec",
            "family",
            "hook",
            "quant",
            "capture",
            "engine.cache",
            "engine",
            "engine.gpu",
            "engine.plain",
            "engine.layer",
            "engine.torch.libtorch",
            "engine.torch.script",
            "engine.torch",
            "engine.torch.learn",
            "engine.onnx.graph",
            "engine.onnx.runtime",
            "engine.onnx.layer",
            "engine.onnx",
            "engine.exported",
            "generate",
            "analysis.output",
            "analysis",
            "analysis.reduce.state",
            "analysis.reduce",
            "train.corpus",
            "train.surface",
            "train",
            "sandbox",
            "run.work",
            "run.request",
            "run.store",
            "run.models",
            "run.evaluate",
            "run.sweep",
            "run.compare",
            "run.learn",
            "run.replay",
            "run.inspect",
            "run.inspect.heads",
            "run.inspect.neurons",
            "run.inspect.embeddings",
            "run.inspect.positions",
            "run.inspect.cost",
            "run.lab.side",
            "run.lab.graph",
            "run.lab.fit",
            "run.lab",
            "run");

    /** Rooms in which some files know each other both ways: a value and what reads it, a port and those behind it. */
    private static final Set<String> KNIT = Set.of(
            "base",
            "checkpoint.gguf",
            "checkpoint.onnx",
            "local",
            "tokenize.file",
            "tokenize",
            "family",
            "quant",
            "engine.torch",
            "engine.onnx.graph",
            "engine.onnx.runtime",
            "train");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.llminspector");

    @Test
    void nothingImportsARoomToItsRight() {
        for (int i = 0; i < ROOMS.size(); i++) {
            String[] right = ROOMS.subList(i + 1, ROOMS.size()).stream()
                    .map(r -> "org.llminspector." + r)
                    .toArray(String[]::new);
            if (right.length == 0) continue;
            noClasses()
                    .that()
                    .resideInAPackage("org.llminspector." + ROOMS.get(i))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(right)
                    .because("rooms are in the order that data walks through them")
                    .check(CLASSES);
        }
    }

    /** Files know each other one way, so that one can be read after the other. */
    @Test
    void noCircleBetweenFiles() {
        Set<String> knit = KNIT.stream().map("org.llminspector."::concat).collect(Collectors.toSet());
        SourceRules.noCircleBetweenFiles("org.llminspector", knit).check(CLASSES);
    }

    @Test
    void everyClassIsInARoom() {
        String[] rooms = ROOMS.stream().map(r -> "org.llminspector." + r).toArray(String[]::new);
        classes().should().resideInAnyPackage(rooms).check(CLASSES);
    }

    @Test
    void djlStaysInItsRooms() {
        noClasses()
                .that(not(resideInAnyPackage(
                        "org.llminspector.djl", "org.llminspector.engine.torch..", "org.llminspector.tokenize..")))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.djl..")
                .check(CLASSES);
    }

    @Test
    void ndArraysNeverLeaveTheTorchEngine() {
        noClasses()
                .that(not(resideInAPackage("org.llminspector.engine.torch..")))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.djl.ndarray..")
                .check(CLASSES);
    }

    @Test
    void onnxTensorsNeverLeaveTheirEngine() {
        noClasses()
                .that(not(resideInAnyPackage("org.llminspector.engine.onnx..", "org.llminspector.engine.exported")))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.onnxruntime..")
                .check(CLASSES);
    }

    @Test
    void theLibraryKnowsNoHttpServer() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.javalin..", "jakarta.servlet..", "org.eclipse.jetty..")
                .check(CLASSES);
    }

    @Test
    void sourcesKeepTheRulesOfEveryModule() {
        SourceRules.LOCALE_IS_SAID.check(CLASSES);
        SourceRules.FILES_ARE_READ_THROUGH_ONE_DOOR.check(CLASSES);
    }

    /** A corpus comes through {@code train.NamedCorpus}: who uses the library ships no generator of stories. */
    @Test
    void theLibraryKnowsNoTales() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.llminspector.tales..")
                .check(CLASSES);
    }

    /** These write their files, or force a folder to the disk; whoever maps weights takes the channel of base.Reads. */
    @Test
    void channelsAreOpenedForWritingOnly() {
        noClasses()
                .that()
                .haveNameNotMatching(
                        "org\\.llminspector\\.(base\\.(Reads|Writes|LockedFile)|hub\\.Download|local\\.PreparedTensors"
                                + "|run\\.store\\.(RunFolder|ComparisonFolder))")
                .should()
                .callMethodWhere(target(owner(type(FileChannel.class)))
                        .and(target(describe("open", m -> m.getName().equals("open")))))
                .check(CLASSES);
    }

    @Test
    void everyRoomSaysWhatItIsFor() throws java.io.IOException {
        String map = Files.readString(Path.of("../ARCHITECTURE.md"));
        for (String room : ROOMS) {
            Path info = Path.of("src/main/java/org/llminspector", room.replace('.', '/'), "package-info.java");
            assertThat(info).exists();
            String named = room.startsWith("run.inspect.") ? "`" + room.substring(12) + "`" : "\n| " + room + " |";
            assertThat(map).as("the rooms of ARCHITECTURE.md").contains(named);
        }
    }

    /** A folder that one glance takes in, and a file of one idea, in every module; a family is a file of its own. */
    @Test
    void foldersAndFilesAreSmall() throws java.io.IOException {
        List<String> large = new ArrayList<>();
        for (String module : List.of("core", "tales", "web", "spark")) {
            Path root = Path.of("../inspector-" + module + "/src/main/java");
            assertThat(root).isDirectory();
            try (Stream<Path> all = Files.walk(root)) {
                Map<Path, List<Path>> folders =
                        all.filter(f -> f.toString().endsWith(".java")).collect(Collectors.groupingBy(Path::getParent));
                for (Map.Entry<Path, List<Path>> folder : folders.entrySet()) {
                    int files = folder.getValue().size();
                    if (files > 25 && !folder.getKey().endsWith("family")) large.add(folder.getKey() + ": " + files);
                    for (Path file : folder.getValue()) {
                        long lines = Files.readString(file).lines().count();
                        if (lines > 450) large.add(file + ": " + lines + " lines");
                    }
                }
            }
        }
        assertThat(large).as("more than 25 files, or 450 lines").isEmpty();
    }

    @Test
    void aFamilyIsUnderAHundredLines() throws java.io.IOException {
        try (var files = Files.list(Path.of("src/main/java/org/llminspector/family"))) {
            for (Path f : files.toList()) {
                String source = Files.readString(f);
                if (source.contains("implements Family")) {
                    assertThat(source.lines().count()).as(f.toString()).isLessThan(100);
                }
            }
        }
    }
}
