package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunSummary;

/** FullFolder is a process that fills a small file system with runs, makes it read-only, and looks at what is left. */
final class FullFolder {

    private static final RunRequest RUN = RunRequest.builder()
            .tokens(List.of(1, 2, 3, 4, 5, 6, 7, 8))
            .capture(List.of("blocks.*"))
            .build();

    private FullFolder() {}

    /** Argument: a folder that is a separate file system. */
    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        List<String> kept = new ArrayList<>();
        String compared;
        try (Inspector inspector = ComparisonWriter.open(folder)) {
            compared = compare(inspector);
            refusesAtLast(() -> {
                while (true)
                    kept.add(inspector.runs().run(RUN, RunListener.NONE).id());
            });
            assertThat(kept).hasSizeGreaterThan(3);
            Files.write(folder.resolve("filling"), new byte[4096 * (int) spare(folder)]);
            refusesAtLast(() -> compare(inspector));
            refusesAtLast(() -> inspector.runs().run(RUN, RunListener.NONE));
            whole(inspector, folder, kept, compared);
            inspector.runs().stored().delete(kept.remove(0));
            Files.delete(folder.resolve("filling"));
            kept.add(inspector.runs().run(RUN, RunListener.NONE).id());
            whole(inspector, folder, kept, compared);
        }
        mount("remount,ro", folder); // which a file that was left open would not let be
        refusesAtLast(() -> ComparisonWriter.open(folder).close());
        mount("remount,rw", folder);
        try (Inspector inspector = ComparisonWriter.open(folder)) {
            whole(inspector, folder, kept, compared);
        }
        System.out.println("all is kept: " + kept.size() + " runs");
    }

    private static String compare(Inspector inspector) {
        return inspector
                .comparisons()
                .compare(ComparisonWriter.REQUEST, ComparisonListener.NONE)
                .id();
    }

    private static long spare(Path folder) throws IOException {
        return Files.getFileStore(folder).getUsableSpace() / 4096;
    }

    private static void mount(String how, Path folder) throws IOException, InterruptedException {
        Process mount = new ProcessBuilder("mount", "-o", how, folder.toString())
                .inheritIO()
                .start();
        assertThat(mount.waitFor()).isZero();
    }

    /** It ends as a problem of the disk that names the folder. */
    private static void refusesAtLast(ThrowingCallable work) {
        assertThatThrownBy(work).isInstanceOfSatisfying(Problem.class, p -> {
            assertThat(p.kind()).as(p.getMessage()).isEqualTo(Problem.Kind.STORAGE);
            assertThat(p.instead()).isNotEmpty();
        });
    }

    /** What was finished is listed and can be read, and nothing else is there. */
    private static void whole(Inspector inspector, Path folder, List<String> runs, String comparison)
            throws IOException {
        assertThat(inspector.runs().stored().list(10_000, null))
                .extracting(RunSummary::id)
                .containsExactlyInAnyOrderElementsOf(runs);
        for (String id : runs) {
            RunManifest run = inspector.runs().stored().manifest(id);
            assertThat(run.captures()).isNotEmpty();
        }
        assertThat(inspector.comparisons().list(10, null))
                .extracting(Comparisons.Summary::id)
                .containsExactly(comparison);
        for (Path p : List.of(folder, folder.resolve("comparisons"))) {
            try (Stream<Path> names = Files.list(p)) {
                assertThat(names.map(n -> n.getFileName().toString()))
                        .noneMatch(n -> n.startsWith(".tmp-") || n.startsWith(".trash-"));
            }
        }
    }
}
