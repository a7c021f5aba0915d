package org.llminspector.web.cli;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.RunListener;
import org.llminspector.run.models.Opening;
import org.llminspector.tokenize.Token;

/** Run listener that prints text and progress on the terminal. */
final class RunPrinter implements RunListener {

    private final Progress progress;
    private final TextPrinter printer;
    private final BooleanSupplier cancelled;
    private int generated;

    /** @param printer of the text, or null when only progress is shown */
    RunPrinter(Progress progress, TextPrinter printer, BooleanSupplier cancelled) {
        this.progress = progress;
        this.printer = printer;
        this.cancelled = cancelled;
    }

    @Override
    public void opening(String id, Opening.Progress p) {
        if (p.of() == 0) return;
        progress.show("opening the model, " + 100 * p.done() / p.of() + " % of " + ByteCount.of(p.of()));
    }

    @Override
    public void started(String id, List<Token> prompt) {
        if (printer != null) {
            progress.clear();
            printer.prompt(prompt);
        } else {
            progress.show("reading the prompt, " + Plural.of(prompt.size(), "token"));
        }
    }

    @Override
    public void prefilled(KvCacheReport kvCache, double ms) {
        progress.clear();
    }

    @Override
    public void token(GeneratedToken token, KvCacheReport kvCache) {
        generated++;
        if (printer != null) printer.token(token);
        else progress.show(Plural.of(generated, "token"));
    }

    @Override
    public boolean cancelled() {
        return cancelled.getAsBoolean();
    }
}
