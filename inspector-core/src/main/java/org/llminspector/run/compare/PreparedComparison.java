package org.llminspector.run.compare;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.store.Verdict;
import org.llminspector.tokenize.Token;

/**
 * A validated comparison request: two sides, their tokens, the text's windows. All user errors are refused here, before
 * the comparison is queued.
 *
 * @param options with their defaults filled in
 * @param hasPrompt whether there is a prompt, not only a text
 * @param text null without one
 * @param sensitivity null when not requested
 * @param floor A on the other engine, for a noise floor of that kind; else null
 */
record PreparedComparison(
        ComparisonRequest request,
        ComparisonRequest.Options options,
        ComparisonSide a,
        ComparisonSide b,
        boolean hasPrompt,
        TextWindows text,
        PreparedSensitivity sensitivity,
        ComparisonSide floor) {

    private static final int WINDOW = 512;
    private static final int MOST_TOP = 100;
    private static final int MOST_REPEATS = 50;
    private static final int MOST_LENGTHS = 8;
    private static final int MOST_DECODED = 1_000;
    private static final int CONTINUED = 32;
    private static final double FACTOR = 10;
    private static final double MOST_FACTOR = 1e9;

    /** Opens the folders and prepares both sides. {@code standard} is the default model. */
    static PreparedComparison of(
            ComparisonRequest request,
            OpenModels models,
            Supplier<String> standard,
            CaptureBudget budget,
            RunStore runs) {
        RunRequest rawA = required(request.a(), "a");
        RunRequest rawB = required(request.b(), "b");
        ModelFolder folderA = models.folder(rawA.model() == null ? standard.get() : rawA.model());
        ModelFolder folderB = models.folder(rawB.model() == null ? folderA.slug() : rawB.model());
        if (folderA.spec().vocab() != folderB.spec().vocab()) {
            throw Problem.unsupported("the two models do not have the same vocabulary")
                    .where("a.model, b.model")
                    .expected("as many entries on both sides")
                    .found(entries(folderA) + ", " + entries(folderB))
                    .instead("compare models that share a tokenizer, such as a base model and what was tuned from it");
        }
        ComparisonRequest.Options given =
                request.options() == null ? ComparisonRequest.Options.DEFAULT : request.options();
        TextWindows text = text(request, given, folderA, folderB, budget);
        boolean prompt = rawA.reads();
        if (!prompt && text == null) {
            throw Problem.invalid("a comparison needs something to read")
                    .where("a.prompt, a.tokens, text, corpus")
                    .expected("a prompt for A, a text or a corpus")
                    .found("neither");
        }
        List<Integer> start = prompt
                ? null
                : IntStream.of(text.windows().get(0).ids()).boxed().toList();
        RunRequest askedA = side(rawA, folderA, start, rawA.device());
        PreparedRun runA = PreparedRun.of(askedA, folderA, budget, runs);
        boolean own = prompt && rawB.reads();
        List<Integer> ids = runA.tokens().stream().map(Token::id).toList();
        if (!own && folderA != folderB) sameMeaning(ids, folderA, folderB);
        String device = rawB.device() == null ? rawA.device() : rawB.device();
        PreparedRun runB = PreparedRun.of(side(rawB, folderB, own ? null : ids, device), folderB, budget, runs);
        int positions = runA.tokens().size();
        if (positions != runB.tokens().size()) {
            throw Problem.invalid("the two prompts do not have the same length")
                    .where("a.prompt, b.prompt")
                    .expected("as many tokens on both sides")
                    .found(positions + " and " + runB.tokens().size() + " tokens")
                    .instead("POST /tokenize shows how a text is split; leave B's prompt out to read A's tokens");
        }
        if (prompt) checkLogits(folderA, budget, positions, "a.prompt");
        PreparedSensitivity sensitivity = request.sensitivity() == null
                ? null
                : PreparedSensitivity.of(
                        request.sensitivity(),
                        runA,
                        runB,
                        text,
                        budget,
                        r -> new ComparisonSide(PreparedRun.of(r, folderA, budget, runs), models));
        return new PreparedComparison(
                request,
                options(
                        given,
                        text,
                        Math.min(folderA.spec().maxContext(), folderB.spec().maxContext())),
                new ComparisonSide(runA, models),
                new ComparisonSide(runB, models),
                prompt,
                text,
                sensitivity,
                given.floor() == ComparisonRequest.Floor.ENGINE
                        ? new ComparisonSide(
                                PreparedRun.of(elsewhere(runA.request(), folderA), folderA, budget, runs), models)
                        : null);
    }

    /** A's model in float32 where gradients are needed, else null. */
    ComparisonSide gradients() {
        return sensitivity == null ? null : sensitivity.gradients();
    }

    /** The same on the other engine; what that cannot do is refused as it is for a run. */
    private static RunRequest elsewhere(RunRequest r, ModelFolder folder) {
        return r.toBuilder().engine(Engines.other(r.engine(), folder).id()).build();
    }

    private static String entries(ModelFolder folder) {
        return folder.slug() + " has " + folder.spec().vocab();
    }

    /** Checks that A's ids mean the same tokens in B. */
    private static void sameMeaning(List<Integer> ids, ModelFolder a, ModelFolder b) {
        if (!a.hasTokenizer() || !b.hasTokenizer()) return;
        for (int id : ids) {
            String here = a.token(id).text();
            String there = b.token(id).text();
            if (here.equals(there)) continue;
            throw Problem.unsupported("the two tokenizers mean different things by one id")
                    .where("a.model, b.model")
                    .expected("token " + id + " to be " + Problem.shown(here) + " on both sides")
                    .found(Problem.shown(there) + " in " + b.slug())
                    .instead("give each side tokens of its own, as many on both sides");
        }
    }

    private static <T> T required(T value, String field) {
        if (value != null) return value;
        throw Problem.invalid("a field is missing").where(field).expected("a run's request, {} for all defaults");
    }

    /** The request as one pass of the comparison, with other tokens where given; nothing is stored or generated. */
    private static RunRequest side(RunRequest r, ModelFolder folder, List<Integer> tokens, String device) {
        return r.asPass(folder.slug(), device, tokens);
    }

    private static TextWindows text(
            ComparisonRequest request,
            ComparisonRequest.Options options,
            ModelFolder a,
            ModelFolder b,
            CaptureBudget budget) {
        if (request.text() == null && request.textTokens() == null) return null;
        if (request.text() != null && request.textTokens() != null) {
            throw Problem.invalid("there are two texts")
                    .where("text, text_tokens")
                    .expected("at most one of them");
        }
        int[] prefix = {};
        int[] ids;
        if (request.textTokens() != null) {
            Prompt.inVocabulary(request.textTokens(), a.spec().vocab(), "text_tokens");
            ids = request.textTokens().stream().mapToInt(Integer::intValue).toArray();
        } else {
            List<Token> tokens = a.requireTokenizer().encode(request.text(), true);
            if (b != a && b.hasTokenizer()) sameTokens(request.text(), tokens, b);
            prefix = ids(tokens.stream().takeWhile(Token::added).toList());
            ids = ids(tokens.stream().filter(t -> !t.added()).toList());
        }
        if (prefix.length + ids.length < 2) {
            throw Problem.invalid("the text is too short: it has no next token to predict")
                    .where(request.text() != null ? "text" : "text_tokens")
                    .expected("two tokens or more")
                    .found(ids.length);
        }
        if (options.windows() == ComparisonRequest.Windows.LLAMA_CPP) return chunks(prefix, ids, options, a, b, budget);
        int window = window(options.window(), a, b, budget, prefix.length);
        int most = window - prefix.length - (prefix.length == 0 ? 1 : 0);
        int stride = inRange(options.stride(), Math.max(1, window / 2), 1, most, "options.stride");
        return new TextWindows(prefix, ids, window, Math.min(stride, most), false);
    }

    /** llama.cpp's windows: 512 positions by default; as in llama.cpp the text must fill at least two. */
    private static TextWindows chunks(
            int[] prefix,
            int[] ids,
            ComparisonRequest.Options options,
            ModelFolder a,
            ModelFolder b,
            CaptureBudget budget) {
        int context = Math.min(a.spec().maxContext(), b.spec().maxContext());
        int window = inRange(options.window(), WINDOW, 4, context, "options.window");
        checkLogits(a, budget, window, "options.window");
        if (options.stride() != null) {
            throw Problem.invalid("llama.cpp's windows do not overlap")
                    .where("options.stride, options.windows")
                    .expected("no stride, or windows every_token");
        }
        int tokens = prefix.length + ids.length;
        if (tokens < 2 * window) {
            throw Problem.invalid("the text is too short for llama.cpp's windows")
                    .where("text, options.window")
                    .expected("two windows or more: " + 2 * window + " tokens")
                    .found(tokens)
                    .instead("a longer text, or a smaller window");
        }
        return new TextWindows(prefix, ids, window, window, true);
    }

    private static int[] ids(List<Token> tokens) {
        return tokens.stream().mapToInt(Token::id).toArray();
    }

    private static void sameTokens(String text, List<Token> a, ModelFolder b) {
        int[] there = ids(b.requireTokenizer().encode(text, true));
        if (Arrays.equals(ids(a), there)) return;
        throw Problem.unsupported("the two tokenizers split the text differently: its tokens cannot be compared")
                .where("text")
                .expected("the same tokens on both sides")
                .found(a.size() + " and " + there.length + " tokens, not all the same")
                .instead("give text_tokens, if their ids mean the same on both sides");
    }

    /** Positions per pass: as requested, else as many as context and budget allow, at most 512. */
    private static int window(Integer asked, ModelFolder a, ModelFolder b, CaptureBudget budget, int prefix) {
        int context = Math.min(a.spec().maxContext(), b.spec().maxContext());
        int least = prefix + 2;
        int window = inRange(asked, Math.min(WINDOW, context), least, context, "options.window");
        long fits = positionsThatFit(a, budget);
        if (asked == null && fits >= least) return (int) Math.min(window, fits);
        checkLogits(a, budget, window, "options.window");
        return window;
    }

    /** Positions whose logits fit the budget for both sides. */
    private static long positionsThatFit(ModelFolder folder, CaptureBudget budget) {
        return Math.min(budget.maxBytes(), Integer.MAX_VALUE - 8L)
                / (2L * folder.spec().vocab() * Float.BYTES);
    }

    private static void checkLogits(ModelFolder folder, CaptureBudget budget, int positions, String where) {
        long fits = positionsThatFit(folder, budget);
        if (positions <= fits) return;
        int vocab = folder.spec().vocab();
        throw Problem.tooLarge("the logits of both sides would not fit the budget")
                .where(where + ": " + positions + " positions x " + vocab + " entries, twice")
                .expected("at most " + ByteCount.of(budget.maxBytes()))
                .found(ByteCount.of(2L * positions * vocab * Float.BYTES))
                .instead("at most " + fits + " positions, or raise --capture-budget");
    }

    private static ComparisonRequest.Options options(ComparisonRequest.Options o, TextWindows text, int context) {
        int decode = inRange(o.decodeTokens(), 16, 0, MOST_DECODED, "options.decode_tokens");
        Verdict.check(o.bounds());
        return ComparisonRequestOptionsBuilder.builder(o)
                .split(o.split() == null || o.split())
                .top(inRange(o.top(), 10, 1, MOST_TOP, "options.top"))
                .window(text == null ? null : text.window())
                .stride(text == null ? null : text.stride())
                .cost(o.cost() == null || o.cost())
                .decodeTokens(decode)
                .repeats(inRange(o.repeats(), 3, 1, MOST_REPEATS, "options.repeats"))
                .floor(o.floor() == null ? ComparisonRequest.Floor.BATCHES : o.floor())
                .factor(factor(o.factor()))
                .windows(o.windows() == null ? ComparisonRequest.Windows.EVERY_TOKEN : o.windows())
                .costLengths(lengths(o.costLengths() == null ? List.of() : o.costLengths(), context - decode))
                .continueTokens(inRange(o.continueTokens(), CONTINUED, 0, MOST_DECODED, "options.continue_tokens"))
                .build();
    }

    private static List<Integer> lengths(List<Integer> asked, int most) {
        if (asked.size() > MOST_LENGTHS) {
            throw Problem.invalid("these are too many lengths")
                    .where("options.cost_lengths")
                    .expected("at most " + MOST_LENGTHS)
                    .found(asked.size());
        }
        for (Integer length : asked) inRange(length, 0, 1, most, "options.cost_lengths, beside decode_tokens");
        return asked.stream().distinct().sorted().toList();
    }

    private static double factor(Double asked) {
        if (asked == null) return FACTOR;
        if (asked >= 1 && asked <= MOST_FACTOR) return asked;
        throw Problem.invalid("the number is out of range")
                .where("options.factor")
                .expected("1 to " + MOST_FACTOR)
                .found(asked);
    }

    private static int inRange(Integer value, int standard, int least, int most, String where) {
        if (value == null) return standard;
        if (value >= least && value <= most) return value;
        throw Problem.invalid("the number is out of range")
                .where(where)
                .expected(least + " to " + most)
                .found(value);
    }
}
