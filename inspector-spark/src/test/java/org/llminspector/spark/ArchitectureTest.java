package org.llminspector.spark;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llminspector.SourceRules;

/** Spark stays in its module, which sees sweeps and the command line, never an engine. */
class ArchitectureTest {

    private static final String OURS = "org.llminspector.spark";

    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.llminspector");

    private static final JavaClasses CLASSES = ALL.that(resideInAPackage(OURS));

    @Test
    void sparkIsSeenNowhereElse() {
        assertThat(ALL.contain("org.llminspector.run.sweep.Sweeps")).isTrue();
        assertThat(ALL.contain("org.llminspector.tales.TalesCorpus")).isTrue();
        assertThat(ALL.contain("org.llminspector.web.cli.common.SweepCluster")).isTrue();
        noClasses()
                .that(not(resideInAPackage(OURS)))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.spark..", "scala..", OURS)
                .check(ALL);
    }

    @Test
    void onlySweepsAndTheCommandLineAreSeen() {
        noClasses()
                .should()
                .dependOnClassesThat(resideInAPackage("org.llminspector..")
                        .and(not(resideInAnyPackage(
                                OURS,
                                "org.llminspector.base..",
                                "org.llminspector.engine", // EngineInfo, of a manifest
                                "org.llminspector.run",
                                "org.llminspector.run.models", // Models, which the facade gives
                                "org.llminspector.run.request",
                                "org.llminspector.run.sweep",
                                "org.llminspector.web.cli",
                                "org.llminspector.web.cli.common"))))
                .check(CLASSES);
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("ai.djl..", "ai.onnxruntime..", "io.javalin..", "picocli..")
                .check(CLASSES);
    }

    @Test
    void noCircleBetweenFiles() {
        SourceRules.noCircleBetweenFiles(OURS, Set.of()).check(CLASSES);
    }

    @Test
    void everyClassIsInTheRoomThatSaysWhatItIsFor() {
        assertThat(Path.of("src/main/java", OURS.replace('.', '/'), "package-info.java"))
                .exists();
        classes().should().resideInAPackage(OURS).check(CLASSES);
    }

    @Test
    void sourcesKeepTheRulesOfEveryModule() {
        SourceRules.LOCALE_IS_SAID.check(CLASSES);
        SourceRules.FILES_ARE_READ_THROUGH_ONE_DOOR.check(CLASSES);
    }
}
