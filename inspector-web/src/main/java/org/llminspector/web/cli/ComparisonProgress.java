package org.llminspector.web.cli;

import java.util.Locale;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.web.cli.common.Interrupt;

/** A comparison's progress as a bar on the terminal; Ctrl-C cancels it. */
record ComparisonProgress(org.llminspector.web.cli.common.Progress bar, Interrupt interrupt)
        implements ComparisonListener {

    @Override
    public void progress(Progress p) {
        String kl = p.meanKld() == null ? "" : String.format(Locale.ROOT, ", mean KLD %.3g", p.meanKld());
        bar.bar(p.done(), p.total(), p.phase() + ": " + p.note() + kl);
    }

    @Override
    public boolean cancelled() {
        return interrupt.requested();
    }
}
