package org.llminspector.web.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.ByteSize;
import org.llminspector.web.cli.common.FolderOptions;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.LessonClock;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.lesson.Lesson;
import org.llminspector.web.server.Server;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that exports a stored run as a lesson: a folder of files that a browser opens without a server. */
@Command(
        name = "export",
        customSynopsis = "inspector export --run RUN --out FOLDER [--chapters 8,9] [OPTION...]",
        description =
                "Writes the page with a kept run's numbers as files: a folder opens from any web host and from a disk, without a server.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  inspector export --run 20261125-003512-417-a1b2c3 --out lesson",
            "  inspector export --run 20261125-003512-417-a1b2c3 --chapters 8,9,10 --out attention.zip",
            "",
            "The run is read again for what the chapters show and it did not capture. Ctrl-C leaves nothing behind."
        })
final class ExportCommand extends AskCommand {

    /** The file whose presence marks a folder as a lesson. */
    private static final String MARK = "lesson.js";

    @Option(
            names = "--run",
            paramLabel = "RUN",
            required = true,
            description = "The run's id, as 'inspector run' said it.")
    String run;

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            required = true,
            description = "Where to: a new folder, an older lesson's, or a .zip file.")
    Path to;

    @Option(
            names = "--chapters",
            paramLabel = "LIST",
            split = ",",
            description = "Their numbers or names, comma separated. Default: all.")
    List<String> chapters;

    @Option(
            names = "--max-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The most captures that are read again and put in. Default: 64MiB.")
    long maxBytes = Lesson.MAX_BYTES;

    private int exit;

    @Override
    public Integer call() throws IOException {
        int code = super.call();
        return exit == 0 ? code : exit;
    }

    @Override
    protected void ask(Inspector inspector, PrintWriter out) throws IOException {
        boolean zip = to.toString().endsWith(".zip");
        if (!zip) checkFolder();
        inspector.runs().stored().manifest(run);
        List<String> chosen = chapters == null || chapters.equals(List.of("all")) ? null : chapters;
        Progress line = new Progress(err(), false);
        Interrupt interrupt = new Interrupt();
        LessonClock clock = new LessonClock(line);
        int leftOut;
        Map<String, byte[]> files;
        try (Server server = Server.start(inspector, new Server.Config("127.0.0.1", 0, null))) {
            String base = "http://127.0.0.1:" + server.port();
            files = Lesson.of(base, null, run, chosen, maxBytes, interrupt::requested, clock::show);
            leftOut = clock.stop();
            write(files, zip);
        } catch (CancellationException e) {
            exit = Interrupt.EXIT_CODE; // nothing is left of it
            return;
        } finally {
            clock.stop();
            interrupt.done();
        }
        long bytes = files.values().stream().mapToLong(f -> f.length).sum();
        out.println(to + ": " + Plural.of(files.size(), "file") + ", " + ByteCount.of(bytes)
                + (zip ? "" : "; open " + to.resolve("index.html")));
        if (leftOut > 0) {
            out.println(Plural.of(leftOut, "answer") + " took too long and " + (leftOut == 1 ? "is" : "are")
                    + " not in it: export again where less else is running");
        }
    }

    /** Puts the files in their place when all of them are written. */
    private void write(Map<String, byte[]> files, boolean zip) throws IOException {
        Path absolute = to.toAbsolutePath();
        Files.createDirectories(absolute.getParent());
        Path unfinished = Files.createTempDirectory(absolute.getParent(), ".lesson-");
        try {
            if (zip) {
                Path whole = unfinished.resolve("lesson.zip");
                try (OutputStream file = Files.newOutputStream(whole)) {
                    Lesson.zip(files, file);
                }
                Files.move(whole, absolute, StandardCopyOption.REPLACE_EXISTING);
                return;
            }
            for (Map.Entry<String, byte[]> f : files.entrySet()) {
                Path path = unfinished.resolve(f.getKey());
                Files.createDirectories(path.getParent());
                Files.write(path, f.getValue());
            }
            for (String name : files.keySet()) {
                Path path = absolute.resolve(name);
                Files.createDirectories(path.getParent());
                Files.move(unfinished.resolve(name), path, StandardCopyOption.REPLACE_EXISTING);
            }
        } finally {
            FolderOptions.delete(unfinished);
        }
    }

    /** Refuses a target that exists and is neither an empty folder nor a lesson. */
    private void checkFolder() throws IOException {
        if (!Files.exists(to) || Files.exists(to.resolve(MARK))) return;
        if (Files.isDirectory(to)) {
            try (Stream<Path> inside = Files.list(to)) {
                if (inside.findAny().isEmpty()) return;
            }
        }
        throw Problem.of(Problem.Kind.CONFLICT, "something else is there already")
                .where(to)
                .expected("nothing, an empty folder, or an older lesson")
                .instead("choose another --out");
    }
}
