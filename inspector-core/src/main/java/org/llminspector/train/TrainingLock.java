package org.llminspector.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;

/**
 * TrainingLock lets one training at a time write into a folder, of this process or another. It goes with its process, so
 * that a killed training never blocks the next; its empty file stays.
 */
final class TrainingLock implements AutoCloseable {

    private static final String FILE = ".training.lock";

    private final FileChannel channel;

    private TrainingLock(FileChannel channel) {
        this.channel = channel;
    }

    /** @param folder there already */
    static TrainingLock take(Path folder) {
        Path file = folder.resolve(FILE);
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (channel.tryLock() != null) return new TrainingLock(channel);
        } catch (OverlappingFileLockException e) {
            // This process has it.
        } catch (IOException e) {
            close(channel);
            throw Writes.failed("the folder cannot be written", folder, e);
        }
        close(channel);
        throw Problem.of(Problem.Kind.CONFLICT, "a training writes into this folder already")
                .where(folder)
                .instead("wait until it has ended, or name another folder");
    }

    private static void close(FileChannel channel) {
        if (channel == null) return;
        try {
            channel.close();
        } catch (IOException e) {
            // Nothing was written to it.
        }
    }

    @Override
    public void close() {
        close(channel);
    }
}
