package org.llminspector.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.checkpoint.Checkpoint;

/**
 * Size-limited LRU store of {@link PreparedTensors} weights, in {@code HASH-SETTINGS/data} and {@code index.json}. Safe among
 * threads and processes: a folder is renamed into place when it is complete.
 */
public final class PreparedStore {

    /** Smallest model that is cached: smaller ones are prepared as quickly as they are read. */
    private static final long LEAST = 64L << 20;

    private static final String MAKING = ".making-";
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final Path folder;
    private final long limit;
    private final long least;

    /**
     * @param folder created on first use
     * @param limit most bytes stored; 0 stores nothing
     */
    public PreparedStore(Path folder, long limit) {
        this(folder, limit, LEAST);
    }

    /** @param least bytes of weights below which nothing is stored */
    PreparedStore(Path folder, long limit, long least) {
        this.folder = folder;
        this.limit = limit;
        this.least = least;
        if (limit > 0) deleteAbandoned();
    }

    /**
     * The entry for these weights under these settings: a stored one, or a new one to be filled.
     *
     * @param settings everything else that determines the tensors
     */
    public PreparedTensors open(Checkpoint checkpoint, String settings) {
        if (!keeps(checkpoint)) return PreparedTensors.NONE;
        List<PreparedTensors.State> states =
                checkpoint.files().stream().map(PreparedTensors.State::of).toList();
        String end = "-" + name(settings);
        for (Path kept : kept()) {
            if (!kept.getFileName().toString().endsWith(end)) continue;
            PreparedTensors.Index index = index(kept);
            if (index == null
                    || !index.files().equals(states)
                    || !index.settings().equals(settings)) continue;
            touch(kept);
            return PreparedTensors.found(this, kept, index);
        }
        String name = MAKING + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
        return PreparedTensors.making(this, folder.resolve(name), settings);
    }

    /** Whether tensors made from these weights are stored; a full disk may still prevent it. */
    public boolean keeps(Checkpoint checkpoint) {
        return limit > 0 && checkpoint.bytes() >= least;
    }

    Path folder(String sha256, String settings) throws IOException {
        Path place = folder.resolve(sha256 + "-" + name(settings));
        delete(place); // left from the same weights in rewritten files
        return place;
    }

    private static String name(String settings) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(settings.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Deletes least recently used entries beyond the limit. */
    void trim() {
        long all = 0;
        List<Path> newestFirst = new ArrayList<>(kept());
        newestFirst.sort(Comparator.comparing(PreparedStore::used).reversed());
        for (Path kept : newestFirst) {
            all += size(kept.resolve(PreparedTensors.DATA));
            if (all > limit) delete(kept);
        }
    }

    /** Complete entries. */
    private List<Path> kept() {
        return folders().stream()
                .filter(f -> !f.getFileName().toString().startsWith("."))
                .toList();
    }

    private List<Path> folders() {
        if (!Files.isDirectory(folder)) return List.of();
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(Files::isDirectory).toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of();
        }
    }

    /** Deletes unfinished entries of ended processes. */
    private void deleteAbandoned() {
        for (Path f : folders()) {
            String name = f.getFileName().toString();
            if (!name.matches("\\.making-[0-9]{1,9}-[0-9]{1,9}")) continue;
            long process = Long.parseLong(name.substring(MAKING.length(), name.lastIndexOf('-')));
            if (ProcessHandle.of(process).isEmpty()) delete(f);
        }
    }

    private static PreparedTensors.Index index(Path kept) {
        try {
            return Json.mapper()
                    .readValue(
                            Reads.bytes(kept.resolve(PreparedTensors.INDEX), Reads.MANIFEST),
                            PreparedTensors.Index.class);
        } catch (IOException | Problem e) {
            return null;
        }
    }

    private static Instant used(Path kept) {
        try {
            return Files.getLastModifiedTime(kept.resolve(PreparedTensors.INDEX))
                    .toInstant();
        } catch (IOException e) {
            return Instant.EPOCH;
        }
    }

    private static void touch(Path kept) {
        try {
            Files.setLastModifiedTime(kept.resolve(PreparedTensors.INDEX), FileTime.from(Instant.now()));
        } catch (IOException e) {
            // It is then evicted earlier than necessary.
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            return 0;
        }
    }

    /** Deletes an entry; mapped tensors stay readable. */
    static void delete(Path kept) {
        for (String file : List.of(PreparedTensors.INDEX, PreparedTensors.DATA, "")) {
            try {
                Files.deleteIfExists(kept.resolve(file));
            } catch (IOException e) {
                // The next process tries again.
            }
        }
    }
}
