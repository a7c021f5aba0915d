package org.llminspector.web;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.FileInputStream;
import java.io.FileReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Scanner;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

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

    /** Where digits and letters depend on the machine's language, a file's name is not found again under another. */
    @Test
    void nothingDependsOnTheMachinesLanguage() {
        noClasses()
                .should()
                .callMethod(String.class, "format", String.class, Object[].class)
                .orShould()
                .callMethod(String.class, "formatted", Object[].class)
                .orShould()
                .callMethod(String.class, "toLowerCase")
                .orShould()
                .callMethod(String.class, "toUpperCase")
                .orShould()
                .callMethod(PrintWriter.class, "printf", String.class, Object[].class)
                .orShould()
                .callMethod(PrintStream.class, "printf", String.class, Object[].class)
                .orShould()
                .callMethod(DateTimeFormatter.class, "ofPattern", String.class)
                .because("Locale.ROOT says what is meant")
                .check(CLASSES);
    }

    /** A FIFO blocks who opens it, and a file of gigabytes fills the heap: base.Reads refuses both. */
    @Test
    void filesAreReadThroughOneDoor() {
        Set<String> readers = Set.of(
                "readString",
                "readAllBytes",
                "readAllLines",
                "lines",
                "newBufferedReader",
                "newInputStream",
                "newByteChannel");
        noClasses()
                .should()
                .callMethodWhere(target(owner(type(Files.class)))
                        .and(target(describe("a method that reads", m -> readers.contains(m.getName())))))
                .orShould()
                .callMethodWhere(target(owner(type(FileChannel.class)))
                        .and(target(describe("open", m -> m.getName().equals("open")))))
                .orShould()
                .callConstructorWhere(target(owner(
                        belongToAnyOf(FileInputStream.class, FileReader.class, RandomAccessFile.class, Scanner.class))))
                .because("base.Reads opens regular files only and reads no more than a limit")
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
