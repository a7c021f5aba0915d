package org.llminspector.web.cli.common;

import java.io.PrintWriter;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;
import org.llminspector.run.sweep.SweepMemory;

/** Says on a terminal what a sweep will take and how far it is; an interrupt cancels it. */
record SweepProgress(PrintWriter err, boolean quiet, org.llminspector.web.cli.common.Progress line, Interrupt interrupt)
        implements SweepListener {

    @Override
    public void planned(SweepManifest sweep, int ready) {
        if (quiet) return;
        line.clear();
        err.println(String.format(
                Locale.ROOT,
                "%s, %,d tokens; %s of at most %s%s; memory %s",
                SweepPrinter.texts(sweep),
                sweep.read(),
                Plural.of(sweep.parts().size(), "part"),
                ByteCount.of(sweep.bytes()),
                ready == 0 ? "" : ", " + ready + " there already",
                memory(sweep.memory())));
        if (sweep.badLines() > 0) {
            err.println(
                    Plural.of(sweep.badLines(), "bad line") + " left out: " + String.join("; ", sweep.firstBadLines()));
        }
        err.flush();
    }

    @Override
    public void estimated(SweepListener.Estimate e) {
        if (quiet) return;
        line.clear();
        err.println(String.format(
                Locale.ROOT,
                "about %s for %,d tokens, at %,.0f tokens per second (measured on a batch)",
                SweepPrinter.time(e.seconds()),
                e.tokens(),
                e.tokensPerSecond()));
        err.flush();
    }

    @Override
    public void progress(SweepListener.Progress p) {
        if (!p.phase().equals("running")) {
            line.show(p.phase());
            return;
        }
        String rate = p.secondsLeft() < 0
                ? ""
                : String.format(
                        Locale.ROOT,
                        "%,.0f tokens/s, %s left",
                        p.tokensPerSecond(),
                        SweepPrinter.time(p.secondsLeft()));
        line.bar(p.shards(), p.of(), rate);
    }

    @Override
    public void leftOut(Problem why) {
        line.clear();
        err.println("a machine was left out; others computed its shards:");
        Lines.print(why, err);
        err.flush();
    }

    @Override
    public boolean cancelled() {
        return interrupt.requested();
    }

    /** What is held at once, by its parts. */
    private static String memory(SweepMemory m) {
        return String.format(
                Locale.ROOT,
                "%s (weights %s, a batch's values %s%s, state %s)",
                ByteCount.of(m.total()),
                ByteCount.of(m.weights()),
                ByteCount.of(m.values()),
                m.logits() == 0 ? "" : ", A's logits " + ByteCount.of(m.logits()),
                ByteCount.of(m.state()));
    }
}
