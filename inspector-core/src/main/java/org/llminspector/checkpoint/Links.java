package org.llminspector.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * Checks that a model's file names and symbolic links stay inside its folder.
 *
 * <p>Models are untrusted, so links must not reach the rest of the disk. The exception is the Hugging Face cache, where
 * files in {@code models--x--y/snapshots/REV} are links into {@code models--x--y/blobs}.
 */
final class Links {

    private Links() {}

    /** Refuses anything but the plain name of a .safetensors file in the index's folder. */
    static void checkName(String name, Path index) {
        boolean plain = !name.isEmpty()
                && !name.equals(".")
                && !name.equals("..")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ' || c == 0x7F)
                && name.length() <= 255
                && name.endsWith(".safetensors");
        if (!plain) {
            throw Problem.invalid("the index names a file that a model may not have")
                    .where(index + ", field weight_map")
                    .expected("the name of a .safetensors file in the same folder")
                    .found(Names.shown(name))
                    .instead("do not trust this model; take it from its original source");
        }
    }

    /** The file of that name in the folder; a link that leads out of the folder is refused. */
    static Path check(Path dir, String name) {
        Path file = dir.resolve(name);
        try {
            Path folder = dir.toRealPath();
            if (!Files.exists(file)) {
                throw Problem.notFound(
                                Files.isSymbolicLink(file)
                                        ? "the file is a link, and what it points at is missing"
                                        : "the file is missing")
                        .where(file)
                        .instead("download the model again");
            }
            if (!Files.isRegularFile(file))
                throw Problem.invalid("this is not a file").where(file);
            Path real = file.toRealPath();
            if (!real.getParent().equals(folder) && !inBlobs(folder, real)) {
                throw Problem.invalid("the file is a link that leads out of the model's folder")
                        .where(file)
                        .expected("a file in " + folder + ", or a link into the blobs of a Hugging Face cache")
                        .found(real)
                        .instead("link the whole folder instead of its files, or copy the file");
            }
            return file;
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    /** CACHE/blobs/ab/HASH: huggingface_hub 2 can share blobs among the models of one cache. */
    private static boolean inSharedBlobs(Path snapshots, Path real) {
        Path cache = snapshots.getParent().getParent();
        return cache != null
                && real.getParent().getParent() != null
                && real.getParent().getParent().equals(cache.resolve("blobs"))
                && Files.exists(cache.resolve("blobs/.huggingface-shared-blobs"));
    }

    private static boolean inBlobs(Path folder, Path real) {
        if (folder.endsWith("onnx") && inBlobs(folder.getParent(), real)) return true;
        Path snapshots = folder.getParent();
        if (snapshots == null || snapshots.getParent() == null || snapshots.getFileName() == null) return false;
        return snapshots.getFileName().toString().equals("snapshots")
                && (real.getParent().equals(snapshots.resolveSibling("blobs")) || inSharedBlobs(snapshots, real));
    }
}
