package org.llminspector.web.server.openai;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.Runs;
import org.llminspector.run.ScoredToken;
import org.llminspector.run.Scores;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;
import org.llminspector.web.server.http.LiveRun;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.RunEvent;

/** Work of a request of the OpenAI interface: a run for each choice, and the scores of an echoed prompt. */
public final class OpenAiWork {

    /** Replaces the logarithm of probability 0, which JSON cannot represent. */
    private static final double LEAST = -9_999;

    /** Listener to choices under way, called on the thread that makes them. */
    interface ChoiceListener {
        ChoiceListener NONE = new ChoiceListener() {};

        /** A choice of this prompt begins. */
        default void begun(int index, String prompt, OpenAi.Logprobs echo) {}

        default void token(int index, String run, GeneratedToken token) {}

        default void made(Made made) {}
    }

    /** @param echo the scores of the prompt's tokens; null when they were not requested */
    record Made(int index, RunManifest run, String prompt, Scores echo) {

        /** The limit that ended the answer: {@code max_new_tokens}, {@code context} or {@code memory}; else null. */
        String limit() {
            return run.generation().limit();
        }

        String finish() {
            String reason = run.generation().finishReason();
            return reason.equals("length") || reason.equals("cancelled") ? "length" : "stop";
        }
    }

    private final Models models;
    private final Runs runs;
    private final RunQueue queue;
    private final Metrics metrics;

    public OpenAiWork(Models models, Runs runs, RunQueue queue, Metrics metrics) {
        this.models = models;
        this.runs = runs;
        this.queue = queue;
        this.metrics = metrics;
    }

    /** All choices in order: those of the first prompt, then those of the next. */
    List<Made> all(OpenAiRequest r, ChoiceListener listener) {
        BooleanSupplier cancelled = queue.cancellation();
        List<Made> all = new ArrayList<>();
        for (RunRequest prompt : r.prompts()) {
            Scores echo = null;
            for (int i = 0; i < r.n(); i++) {
                RunRequest request = r.run(prompt, i);
                if (i == 0 && r.echo() && r.logprobs() != null) {
                    RunRequest read = request.toBuilder().generate(null).build();
                    echo = runs.sampling().scoresAfterOthers(read, r.logprobs());
                }
                Made made = one(all.size(), request, echo, r, listener);
                all.add(made);
                listener.made(made);
                if (cancelled.getAsBoolean()) return all;
            }
        }
        return all;
    }

    private Made one(int index, RunRequest request, Scores echo, OpenAiRequest r, ChoiceListener listener) {
        String[] id = {null};
        LiveRun run = new LiveRun(metrics, echo != null, event -> {
            if (event.data() instanceof RunEvent.Queued q) id[0] = q.id();
            if (event.data() instanceof RunEvent.Started s) {
                listener.begun(
                        index,
                        r.echo() ? prompt(request, s.tokens()) : "",
                        logprobs(s.tokens(), request.prompt() != null, echo));
            }
            if (event.data() instanceof RunEvent.Step s) listener.token(index, id[0], s.token());
        });
        RunManifest manifest = run.run(runs, request);
        return new Made(index, manifest, prompt(request, manifest.tokens().subList(0, manifest.promptLength())), echo);
    }

    /** The given text, or the decoded ids. */
    private String prompt(RunRequest request, List<Token> tokens) {
        if (request.prompt() != null) return request.prompt();
        if (models.details(model(request)).tokenizer() == null) return "";
        return models.tokenizer(model(request))
                .decode(tokens.stream().map(Token::id).toList(), false);
    }

    private String model(RunRequest request) {
        return models.orDefault(request.model());
    }

    static OpenAi.Choice choice(Made m, OpenAiRequest r) {
        String text = (r.echo() ? m.prompt() : "") + m.run().generation().text();
        OpenAi.Logprobs logprobs = null;
        if (r.logprobs() != null) {
            List<Token> prompt = m.run().tokens().subList(0, m.run().promptLength());
            logprobs = r.echo() ? logprobs(prompt, m.run().request().prompt() != null, m.echo()) : empty();
            int at = m.prompt().length();
            for (GeneratedToken t : m.run().generation().steps()) {
                add(logprobs, t, at);
                at += t.token().text().length();
            }
        }
        return new OpenAi.Choice(
                m.index(), text, logprobs, m.finish(), m.limit(), m.run().id());
    }

    static OpenAi.ChatChoice chatChoice(Made m, OpenAiRequest r) {
        RunManifest.Generation g = m.run().generation();
        OpenAi.ChatLogprobs logprobs = r.logprobs() == null
                ? null
                : new OpenAi.ChatLogprobs(
                        g.steps().stream().map(OpenAiWork::chatToken).toList());
        return new OpenAi.ChatChoice(
                m.index(),
                new OpenAi.Said("assistant", g.text()),
                null,
                logprobs,
                m.finish(),
                m.limit(),
                m.run().id());
    }

    static OpenAi.ChatToken chatToken(GeneratedToken t) {
        List<OpenAi.TopToken> top = new ArrayList<>();
        for (GeneratedToken.Alternative a : t.alternatives()) {
            List<Integer> bytes = a.id() == t.token().id() ? t.token().bytes() : null;
            top.add(new OpenAi.TopToken(
                    a.text(), logprob(a, t.alternatives(), t.token().id(), t.logprob()), bytes));
        }
        return new OpenAi.ChatToken(t.token().text(), t.logprob(), t.token().bytes(), top);
    }

    /** One token of a stream. */
    static OpenAi.Logprobs logprobs(GeneratedToken t, int at) {
        OpenAi.Logprobs all = empty();
        add(all, t, at);
        return all;
    }

    private static OpenAi.Logprobs empty() {
        return new OpenAi.Logprobs(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    }

    private static void add(OpenAi.Logprobs all, GeneratedToken t, int at) {
        all.tokens().add(t.token().text());
        all.tokenLogprobs().add(Math.max(LEAST, t.logprob()));
        all.topLogprobs().add(top(t.alternatives(), t.token().id(), t.logprob()));
        all.textOffset().add(at);
    }

    /**
     * Log-probabilities of an echoed prompt; null where they were not requested.
     *
     * @param text whether the prompt was a text, in which the tokenizer's control tokens do not appear
     */
    private static OpenAi.Logprobs logprobs(List<Token> prompt, boolean text, Scores echo) {
        if (echo == null) return null;
        OpenAi.Logprobs all = empty();
        int at = 0;
        for (int i = 0; i < prompt.size(); i++) {
            ScoredToken scored = i == 0 ? null : echo.tokens().get(i - 1);
            all.tokens().add(prompt.get(i).text());
            all.tokenLogprobs().add(scored == null ? null : (Double) Math.max(LEAST, scored.logprob()));
            all.topLogprobs()
                    .add(
                            scored == null
                                    ? null
                                    : top(scored.alternatives(), scored.token().id(), scored.logprob()));
            all.textOffset().add(at);
            if (!text || !prompt.get(i).special()) at += prompt.get(i).text().length();
        }
        return all;
    }

    private static Map<String, Double> top(List<GeneratedToken.Alternative> alternatives, int id, double logprob) {
        Map<String, Double> top = new LinkedHashMap<>();
        for (GeneratedToken.Alternative a : alternatives) {
            String key = top.containsKey(a.text()) ? "token_id:" + a.id() : a.text();
            top.put(key, logprob(a, alternatives, id, logprob));
        }
        return top;
    }

    /**
     * The picked token and its ties get exactly the same number: clients compare them to see whether it is the most
     * probable.
     */
    private static double logprob(
            GeneratedToken.Alternative a, List<GeneratedToken.Alternative> all, int id, double logprob) {
        boolean same = a.id() == id || all.stream().anyMatch(b -> b.id() == id && b.logit() == a.logit());
        return Math.max(LEAST, same ? logprob : Math.log(a.prob()));
    }

    static OpenAi.Usage usage(List<Made> all, int n) {
        int read = 0;
        int made = 0;
        for (Made m : all) {
            if (m.index() % n == 0) read += m.run().promptLength();
            made += m.run().generation().steps().size();
        }
        return new OpenAi.Usage(read, made, read + made);
    }

    static long created(RunManifest run) {
        return Instant.parse(run.created()).getEpochSecond();
    }
}
