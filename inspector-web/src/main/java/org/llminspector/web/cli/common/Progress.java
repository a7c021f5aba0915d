package org.llminspector.web.cli.common;

import java.io.PrintWriter;

/** One line of progress on a terminal, erased at the end. */
public final class Progress {

    private static final int BAR = 24;

    private final PrintWriter err;
    private final boolean terminal;
    private boolean shown;

    public Progress(PrintWriter err, boolean quiet) {
        this.err = err;
        // The launcher script knows whether standard error is a terminal; Java itself does not.
        this.terminal = !quiet && Boolean.getBoolean("inspector.terminal");
    }

    public synchronized void show(String text) {
        if (!terminal) return;
        err.print("\r\u001b[K" + text + " ...");
        err.flush();
        shown = true;
    }

    /** Shows a progress bar with counts and a text. */
    public void bar(int done, int total, String text) {
        int filled = total == 0 ? 0 : BAR * done / total;
        show("[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "] " + done + "/" + total + " " + text);
    }

    public synchronized void clear() {
        if (!shown) return;
        err.print("\r\u001b[K");
        err.flush();
        shown = false;
    }
}
