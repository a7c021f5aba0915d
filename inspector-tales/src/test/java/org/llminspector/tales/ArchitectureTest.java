package org.llminspector.tales;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.llminspector.SourceRules;

/** The rooms of the tales, from left to right: nothing imports a room to its right. */
class ArchitectureTest {

    private static final String OURS = "org.llminspector.tales";

    private static final List<String> ROOMS = Stream.of(
                    ".words", ".plot", ".question", ".drill", ".corpus", ".check", ".evaluation", "")
            .map(OURS::concat)
            .toList();

    /** Rooms in which some files know each other both ways. */
    private static final Set<String> KNIT = Set.of(OURS + ".words", OURS + ".corpus", OURS + ".evaluation");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(OURS);

    @Test
    void nothingImportsARoomToItsRight() {
        for (int i = 0; i + 1 < ROOMS.size(); i++) {
            noClasses()
                    .that()
                    .resideInAPackage(ROOMS.get(i))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(ROOMS.subList(i + 1, ROOMS.size()).toArray(String[]::new))
                    .check(CLASSES);
        }
    }

    @Test
    void noCircleBetweenFiles() {
        SourceRules.noCircleBetweenFiles(OURS, KNIT).check(CLASSES);
    }

    @Test
    void everyClassIsInARoomThatSaysWhatItIsFor() throws IOException {
        classes().should().resideInAnyPackage(ROOMS.toArray(String[]::new)).check(CLASSES);
        for (String room : ROOMS) {
            Path folder = Path.of("src/main/java", room.replace('.', '/'));
            assertThat(folder.resolve("package-info.java")).exists();
            try (Stream<Path> files = Files.list(folder)) {
                assertThat(files.filter(Files::isRegularFile)).hasSizeLessThanOrEqualTo(25);
            }
        }
    }

    /** Stories are text; what runs a model on them sees the ports of engines. */
    @Test
    void noEngineIsSeen() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "ai.djl..",
                        "ai.onnxruntime..",
                        "org.llminspector.engine.torch..",
                        "org.llminspector.engine.onnx..",
                        "org.llminspector.engine.exported..")
                .check(CLASSES);
    }

    @Test
    void sourcesKeepTheRulesOfEveryModule() {
        SourceRules.LOCALE_IS_SAID.check(CLASSES);
        SourceRules.FILES_ARE_READ_THROUGH_ONE_DOOR.check(CLASSES);
    }
}
