package org.llminspector.train;

import java.io.IOException;
import java.nio.file.Path;
import org.llminspector.base.LockedFile;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;

/** Lock that lets one training at a time write into a folder, across processes. Its file is deleted on close. */
record TrainingLock(LockedFile file) implements AutoCloseable {

    /**
     * @param folder an existing folder
     * @throws Problem CONFLICT while a training of any process has the lock; STORAGE where it cannot be written
     */
    static TrainingLock take(Path folder) {
        try {
            LockedFile file = LockedFile.tryTake(folder.resolve(".training.lock"));
            if (file != null) return new TrainingLock(file);
        } catch (IOException e) {
            throw Writes.failed("the folder cannot be written", folder, e);
        }
        throw Problem.of(Problem.Kind.CONFLICT, "a training writes into this folder already")
                .where(folder)
                .instead("wait until it has ended, or name another folder");
    }

    @Override
    public void close() {
        file.delete();
        file.close();
    }
}
