package org.llminspector.tales.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.tales.corpus.TalesTokenizer;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** The model under evaluation, with the operations that the evaluation's parts need. */
final class EvaluatedModel {

    private final InspectorEngine engine;
    private final Tokenizer tokenizer;
    private final BooleanSupplier cancelled;
    private final int end;

    /** Refuses with a Problem a model whose tokenizer is not the tales' own, as it was not trained on them. */
    EvaluatedModel(InspectorEngine engine, Tokenizer tokenizer, BooleanSupplier cancelled) {
        this.engine = engine;
        this.tokenizer = tokenizer;
        this.cancelled = cancelled;
        int[] marks = tokenizer.encode(String.join("", TalesTokenizer.CONTROL), false).stream()
                .mapToInt(Token::id)
                .toArray();
        if (marks.length != TalesTokenizer.CONTROL.size()) {
            throw Problem.unsupported(
                            "the evaluation is about the project's own tales, and this model has not read them")
                    .where("tokenizer")
                    .expected("control tokens " + String.join(" ", TalesTokenizer.CONTROL))
                    .found("a text of " + marks.length + " tokens");
        }
        this.end = marks[TalesTokenizer.CONTROL.indexOf(TalesTokenizer.END)];
    }

    int layers() {
        return engine.spec().nLayers();
    }

    int context() {
        return engine.spec().maxContext();
    }

    void stopIfCancelled() {
        if (cancelled.getAsBoolean()) throw Problem.of(Problem.Kind.CANCELLED, "the evaluation was cancelled");
    }

    /** A text's ids at the beginning of a sequence. */
    int[] begin(String text) {
        return ids(text, true);
    }

    /** A whole document's ids, with its end token. */
    int[] document(String text) {
        return append(begin(text), end);
    }

    /** The user's message, up to where the assistant's answer begins. */
    int[] chatPrompt(String user) {
        return ids(TalesTokenizer.BEGIN + "<|user|>" + user + TalesTokenizer.END + "<|assistant|>", false);
    }

    /** An answer's ids, with its end token. */
    int[] answer(String text) {
        return append(ids(text, false), end);
    }

    List<Token> tokens(String text) {
        return tokenizer.encode(text, true);
    }

    private int[] ids(String text, boolean special) {
        return tokenizer.encode(text, special).stream().mapToInt(Token::id).toArray();
    }

    private static int[] append(int[] ids, int last) {
        int[] all = Arrays.copyOf(ids, ids.length + 1);
        all[ids.length] = last;
        return all;
    }

    /** Continues a prompt until the text ends or the context is full. */
    GenerationLoop.Result generate(int[] prompt, GenerateOptions options) {
        stopIfCancelled();
        int most = Math.min(context(), prompt.length + options.maxNewTokens());
        try (Session session = engine.begin(SessionRequest.plain(most))) {
            return GenerationLoop.run(
                    session, prompt, options, tokenizer, List.of(end), most, GenerationLoop.Listener.NONE, cancelled);
        }
    }

    /** One pass that captures the logits, and on request the attention patterns. */
    Capture pass(int[] tokens, boolean patterns) {
        stopIfCancelled();
        SortedSet<HookId> hooks = new TreeSet<>();
        hooks.add(HookId.of(HookPoint.LOGITS));
        for (int i = 0; patterns && i < layers(); i++) hooks.add(HookId.of(HookPoint.PATTERN, i));
        try (Session session = engine.begin(new SessionRequest(tokens.length, hooks, List.of(), List.of()))) {
            session.append(tokens);
            return session.capture();
        }
    }

    /** The loss of each token but the first, in nats, given those before: [pos - 1]. */
    static double[] losses(Capture capture, int[] tokens) {
        Tensor logits = capture.get(HookId.of(HookPoint.LOGITS));
        float[] values = logits.toFloats(); // [1, pos, vocab]
        int vocab = values.length / tokens.length;
        double[] losses = new double[tokens.length - 1];
        for (int pos = 0; pos < losses.length; pos++) {
            double max = Double.NEGATIVE_INFINITY;
            for (int v = 0; v < vocab; v++) max = Math.max(max, values[pos * vocab + v]);
            double sum = 0;
            for (int v = 0; v < vocab; v++) sum += Math.exp(values[pos * vocab + v] - max);
            losses[pos] = max + Math.log(sum) - values[pos * vocab + tokens[pos + 1]];
        }
        return losses;
    }

    double[] losses(int[] tokens) {
        try (Capture pass = pass(tokens, false)) {
            return losses(pass, tokens);
        }
    }

    /** Log-probability of each of an answer's tokens after a prompt. */
    List<Double> logProbs(int[] prompt, int[] answer) {
        int[] all = Arrays.copyOf(prompt, prompt.length + answer.length);
        System.arraycopy(answer, 0, all, prompt.length, answer.length);
        double[] losses = losses(all);
        List<Double> logProbs = new ArrayList<>();
        for (int i = prompt.length - 1; i < losses.length; i++) logProbs.add(-losses[i]);
        return logProbs;
    }
}
