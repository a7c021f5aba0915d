package org.llminspector.run.models;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.llminspector.base.platform.Trim;

/**
 * Model folders whose files were replaced or deleted while requests may still read them. The garbage collector closes
 * their files, mappings and tokenizers once no request refers to them; a thread triggers collections until it has,
 * since otherwise none may run for hours. Thread-safe.
 */
final class UnreachableFolders {

    private static final long FIRST_MS = 500;
    private static final long LAST_MS = 600_000;

    private final List<WeakReference<ModelFolder>> folders = new ArrayList<>();
    private Thread thread; // null while there are none

    synchronized void add(ModelFolder folder) {
        folders.add(new WeakReference<>(folder));
        if (thread == null) {
            thread = new Thread(this::collect, "folder-collector");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void collect() {
        long wait = FIRST_MS;
        int left = Integer.MAX_VALUE;
        try {
            while (true) {
                Thread.sleep(wait);
                System.gc();
                synchronized (this) {
                    folders.removeIf(f -> f.get() == null);
                    if (folders.isEmpty()) {
                        thread = null;
                        Trim.memory();
                        return;
                    }
                    wait = folders.size() == left ? Math.min(LAST_MS, 2 * wait) : FIRST_MS;
                    left = folders.size();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed
        }
    }

    /** Closes the remaining folders; no request is running any more. */
    synchronized void close() {
        if (thread != null) thread.interrupt();
        folders.stream().map(WeakReference::get).filter(Objects::nonNull).forEach(ModelFolder::close);
        folders.clear();
    }
}
