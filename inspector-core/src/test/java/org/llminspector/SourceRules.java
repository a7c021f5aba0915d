package org.llminspector;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.io.FileInputStream;
import java.io.FileReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.time.format.DateTimeFormatter;
import java.util.Scanner;
import java.util.Set;
import org.llminspector.base.Reads;

/** Rules that the sources of every module keep. */
public final class SourceRules {

    private static final Set<String> READERS = Set.of(
            "readString",
            "readAllBytes",
            "readAllLines",
            "lines",
            "newBufferedReader",
            "newInputStream",
            "newByteChannel");

    /** Where digits and letters depend on the machine's language, a file's name is not found again under another. */
    public static final ArchRule LOCALE_IS_SAID = noClasses()
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
            .because("Locale.ROOT says what is meant");

    /** A FIFO blocks who opens it, and a file of gigabytes fills the heap: base.Reads refuses both. */
    public static final ArchRule FILES_ARE_READ_THROUGH_ONE_DOOR = noClasses()
            .that(not(type(Reads.class)))
            .should()
            .callMethodWhere(target(owner(type(Files.class)))
                    .and(target(describe("a method that reads", m -> READERS.contains(m.getName())))))
            .orShould()
            .callConstructorWhere(target(owner(
                    belongToAnyOf(FileInputStream.class, FileReader.class, RandomAccessFile.class, Scanner.class))))
            .because("base.Reads opens regular files only and reads no more than a limit");

    private SourceRules() {}

    /**
     * Files know each other one way, so that one can be read after the other.
     *
     * @param ours the package that has all the rooms
     * @param knit names of the packages in which some files know each other both ways
     */
    public static ArchRule noCircleBetweenFiles(String ours, Set<String> knit) {
        SliceAssignment files = new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass c) {
                String room = c.getPackageName();
                boolean own = room.equals(ours) || room.startsWith(ours + ".");
                if (!own || knit.contains(room)) return SliceIdentifier.ignore();
                // A record and the builder that the compiler writes for it are one file.
                return SliceIdentifier.of(c.getName().replaceFirst("[$].*", "").replaceFirst("Builder$", ""));
            }

            @Override
            public String getDescription() {
                return "the files of all rooms but " + knit;
            }
        };
        return SlicesRuleDefinition.slices().assignedFrom(files).should().beFreeOfCycles();
    }
}
