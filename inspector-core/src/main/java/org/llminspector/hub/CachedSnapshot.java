package org.llminspector.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;
import org.llminspector.hub.repo.FileChoice;
import org.llminspector.hub.repo.RepoFolder;
import org.llminspector.hub.repo.Revision;

/** Lookup of a model already in the Hugging Face cache, without contacting the hub. */
final class CachedSnapshot {

    private CachedSnapshot() {}

    /** The complete model; otherwise a Problem that names what is missing. */
    static Pulled find(RepoFolder folder, Revision revision, String note) throws IOException {
        String commit = folder.commit(revision)
                .filter(c -> Files.isDirectory(folder.snapshot(c)))
                .orElseThrow(() -> Problem.notFound("the model is not in the cache")
                        .where(folder.repo().id() + " at " + revision.name() + ", " + folder.dir()));
        Path snapshot = folder.snapshot(commit);
        List<String> names = names(snapshot);
        FileChoice choice = FileChoice.of(names, snapshot.toString());
        if (choice.weights() == null) {
            List<String> missing = FileChoice.shards(snapshot.resolve(FileChoice.INDEX)).stream()
                    .filter(shard -> !names.contains(shard))
                    .toList();
            if (!missing.isEmpty()) {
                throw Problem.notFound("the model in the cache is incomplete: shards are missing")
                        .where(snapshot)
                        .found("missing: " + DisplayNames.names(missing));
            }
        }
        List<Pulled.File> files = new ArrayList<>();
        for (String name : names) {
            files.add(new Pulled.File(name, Files.size(snapshot.resolve(name)), Pulled.How.CACHED));
        }
        return new Pulled(snapshot, commit, files, folder.repo().slug(), note);
    }

    /** Files of the snapshot whose blobs exist. */
    private static List<String> names(Path snapshot) throws IOException {
        try (Stream<Path> children = Files.list(snapshot)) {
            return children.filter(Files::isRegularFile)
                    .map(p -> p.getFileName().toString())
                    .sorted()
                    .toList();
        }
    }
}
