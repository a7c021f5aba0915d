package org.llminspector.web;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.channels.FileChannel;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.llminspector.SourceRules;

/** The web module is thin: it sees the facade and plain values (records of analyses among them), never an engine. */
class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.llminspector.web");

    @Test
    void analysesAreSeenAsValuesOnly() {
        noClasses()
                .should()
                .dependOnClassesThat(
                        resideInAPackage("org.llminspector.analysis..").and(not(assignableTo(Record.class))))
                .check(CLASSES);
    }

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
                        "org.llminspector.engine.exported..",
                        "org.llminspector.family..")
                .check(CLASSES);
    }

    @Test
    void noCircleBetweenFiles() {
        Set<String> knit = Set.of("org.llminspector.web.server.openai"); // a model and its requests
        SourceRules.noCircleBetweenFiles("org.llminspector.web", knit).check(CLASSES);
    }

    @Test
    void sourcesKeepTheRulesOfEveryModule() {
        SourceRules.LOCALE_IS_SAID.check(CLASSES);
        SourceRules.FILES_ARE_READ_THROUGH_ONE_DOOR.check(CLASSES);
        noClasses()
                .should()
                .callMethodWhere(target(owner(type(FileChannel.class)))
                        .and(target(describe("open", m -> m.getName().equals("open")))))
                .check(CLASSES);
    }

    @Test
    void theServerKnowsNoCommandLine() {
        noClasses()
                .that()
                .resideInAPackage("org.llminspector.web.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.llminspector.web.cli..", "picocli..")
                .check(CLASSES);
    }

    /** Each room of the server, and the rooms it may import: what routes share knows no route, and no route another kind's. */
    @Test
    void roomsOfTheServerLookOneWay() {
        Map<String, Set<String>> rooms = Map.of(
                "http", Set.of(),
                "tensor", Set.of("http"),
                "api", Set.of("http", "tensor"),
                "openai", Set.of("http"));
        rooms.forEach((room, below) -> {
            String[] others = Stream.concat(
                            Stream.of("org.llminspector.web.server"),
                            rooms.keySet().stream()
                                    .filter(r -> !r.equals(room) && !below.contains(r))
                                    .map(r -> "org.llminspector.web.server." + r))
                    .toArray(String[]::new);
            noClasses()
                    .that()
                    .resideInAPackage("org.llminspector.web.server." + room)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(others)
                    .check(CLASSES);
        });
    }
}
