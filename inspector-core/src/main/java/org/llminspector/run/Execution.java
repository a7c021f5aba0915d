package org.llminspector.run;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.Branch;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** Execution of one prepared run on the queue's worker: engine, generation, captures, store. */
final class Execution {

    private final String id;
    private final PreparedRun run;
    private final OpenModels models;
    private final RunStore store;
    private final PrefixCache prefixes;
    private final TextCache<?> texts;
    private final RunListener listener;
    private final BooleanSupplier cancelled;
    private final long submitted;

    Execution(
            String id,
            PreparedRun run,
            OpenModels models,
            RunStore store,
            PrefixCache prefixes,
            TextCache<?> texts,
            RunListener listener,
            BooleanSupplier cancelled,
            long submittedNanos) {
        this.id = id;
        this.run = run;
        this.models = models;
        this.store = store;
        this.prefixes = prefixes;
        this.texts = texts;
        this.listener = listener;
        this.cancelled = cancelled;
        this.submitted = submittedNanos;
    }

    RunManifest run() {
        checkCancelled("while it waited");
        long started = System.nanoTime();
        InspectorEngine engine = models.engine(run.folder(), run.request());
        long opened = System.nanoTime();
        checkCancelled("while the model opened");
        listener.started(id, run.tokens());
        KvPrefix known = known(engine);
        try (Capture clean = run.clean(engine, run.ids());
                Session session = engine.begin(
                        new SessionRequest(run.maxPositions(), run.hooks(), run.interventions(), run.sources(clean))
                                .after(known))) {
            Branch branch = run.request().branch();
            GenerationLoop.Result result = GenerationLoop.run(
                    session,
                    run.ids(),
                    branch == null ? run.ids().length : branch.generatedFrom(),
                    run.options(),
                    run.folder().tokenizer(),
                    run.folder().eosIds(),
                    run.maxPositions(),
                    new Relay(),
                    cancelled);
            try (Capture capture = session.capture()) {
                RunManifest.Timings timings = new RunManifest.Timings(
                        ms(submitted, started),
                        ms(started, opened),
                        result.prefillMs(),
                        result.decodeMs(),
                        session.captureMs(),
                        ms(started, System.nanoTime()),
                        speed(result),
                        known != null ? (Integer) known.length() : branch == null ? null : 0);
                RunManifest manifest = manifest(engine, session, result, capture, timings);
                store.save(manifest, capture);
                if (known == null || branch != null)
                    prefixes.keep(id, session, models.ledger().free()); // else it is kept with its text
                return manifest;
            }
        }
    }

    /** KV prefix of tokens that need not be read again; null for none. */
    private KvPrefix known(InspectorEngine engine) {
        if (run.request().branch() != null) return prefixes.of(run, engine.info(), store);
        if (!listener.reuses() || !TextCache.exact(run)) return null;
        TextCache.Known<?> text = texts.of(run, engine.info(), run.ids(), TextCache.NO_SCORES);
        return text == null ? null : text.cache();
    }

    private void checkCancelled(String when) {
        if (!cancelled.getAsBoolean()) return;
        throw Problem.of(Problem.Kind.CANCELLED, "the run was cancelled " + when)
                .where("run " + id)
                .found("nothing of it is kept");
    }

    private RunManifest manifest(
            InspectorEngine engine,
            Session session,
            GenerationLoop.Result result,
            Capture capture,
            RunManifest.Timings timings) {
        List<Token> tokens = new ArrayList<>(run.tokens());
        result.steps().forEach(s -> tokens.add(s.token()));
        RunManifest.Generation generation = run.options() == null
                ? null
                : new RunManifest.Generation(
                        result.text(), result.finishReason(), limit(result), result.seed(), result.steps());
        return new RunManifest(
                id,
                Instant.now().truncatedTo(ChronoUnit.MILLIS).toString(),
                Version.STRING,
                run.request().name(),
                run.request(),
                run.folder().identity(cancelled),
                engine.info().withForm(session.form()),
                tokens,
                run.tokens().size(),
                run.prompt().text(),
                text(result),
                generation,
                entries(capture),
                session.kvCache(),
                timings,
                List.of());
    }

    /**
     * What bounded the length ({@code max_new_tokens}, {@code memory} or {@code context}); null for another finish
     * reason.
     */
    private String limit(GenerationLoop.Result result) {
        if (!result.finishReason().equals("length")) return null;
        if (result.steps().size() >= run.options().maxNewTokens()) return "max_new_tokens";
        return run.maxPositions() < run.folder().spec().maxContext() ? "memory" : "context";
    }

    private String text(GenerationLoop.Result result) {
        Tokenizer tokenizer = run.folder().tokenizer();
        if (tokenizer == null) {
            StringBuilder text = new StringBuilder();
            run.tokens().forEach(t -> text.append(t.text()));
            result.steps().forEach(s -> text.append(s.token().text()));
            return text.toString();
        }
        String prompt = run.prompt().text() != null
                ? run.prompt().text()
                : tokenizer.decode(
                        run.tokens().stream()
                                .map(Token::id)
                                .filter(tokenizer::has)
                                .toList(),
                        true);
        return prompt + result.text();
    }

    private static List<RunManifest.CaptureEntry> entries(Capture capture) {
        List<RunManifest.CaptureEntry> entries = new ArrayList<>();
        capture.tensors().forEach((hook, t) -> entries.add(RunManifest.CaptureEntry.of(hook, t, null, null)));
        return entries;
    }

    /** Tokens per second after the first token, forward passes and sampling included. */
    private static Double speed(GenerationLoop.Result result) {
        int fedBack = result.steps().size() - 1;
        return fedBack < 1 || result.decodeMs() <= 0 ? null : fedBack * 1000.0 / result.decodeMs();
    }

    private static double ms(long from, long to) {
        return (to - from) / 1e6;
    }

    private final class Relay implements GenerationLoop.Listener {
        @Override
        public void prefilled(KvCacheReport kvCache, double ms) {
            listener.prefilled(kvCache, ms);
        }

        @Override
        public void token(GeneratedToken token, KvCacheReport kvCache) {
            listener.token(token, kvCache);
        }
    }
}
