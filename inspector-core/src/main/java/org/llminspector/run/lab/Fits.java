package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.fit.Interchange;
import org.llminspector.run.lab.fit.LensFit;
import org.llminspector.run.lab.fit.Probing;
import org.llminspector.run.lab.fit.ScoreParts;
import org.llminspector.run.lab.side.Answers;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequest.Example;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.sweep.Corpora;
import org.llminspector.spec.DecoderSpec;

/** The kinds of analysis with one run, or with many prompts of one model: requests checked, and handed on. */
final class Fits {

    private static final int MOST_EXAMPLES = 10_000;

    /** Tokens of a text that a lens is fitted on. */
    private static final int WINDOW = 128;

    /** Texts of a corpus, where none are counted. */
    private static final long TEXTS = 20;

    private final AnalysisRequest request;
    private final Side run; // its prompt only where the kind reads one
    private final Steps steps;
    private final List<Side> bases = new ArrayList<>();
    private final List<Side> sources = new ArrayList<>();

    /** Reads every prompt, which refuses what is wrong before anything is open. */
    Fits(AnalysisRequest request, Side run, Steps steps) {
        this.request = request;
        this.run = run;
        this.steps = steps;
        switch (request.kind()) {
            case LENS -> texts();
            case PROBE -> examples(false);
            case INTERCHANGE -> examples(true);
            default -> {}
        }
    }

    Found found() {
        return switch (request.kind()) {
            case QK -> score();
            case LENS -> lens();
            case PROBE -> probes();
            case INTERCHANGE -> interchange();
            default -> throw new IllegalStateException(request.kind() + " compares two runs");
        };
    }

    private Found score() {
        List<Cell> cells = request.cells();
        Cell cell = cells == null || cells.size() != 1 ? null : cells.get(0);
        boolean one = cell != null && single(cell.heads()) && single(cell.positions()) && single(cell.keys());
        List<HookId> hooks = one ? List.copyOf(HookPatterns.match(run.spec(), List.of(cell.hook()))) : List.of();
        if (hooks.size() != 1 || hooks.get(0).point() != HookPoint.ATTN_SCORES) {
            throw Problem.invalid("the score that is to be taken apart is missing")
                    .where("cells")
                    .expected(
                            "one cell: blocks.N.attn.hook_attn_scores with one head, one position (the query) and one key")
                    .found(cells == null ? "none" : cells.toString());
        }
        int n = run.length();
        int query = at(cell.positions().get(0), n);
        ScoreParts.Score score = ScoreParts.of(
                run,
                hooks.get(0).layer(),
                cell.heads().get(0),
                query,
                at(cell.keys().get(0), n));
        double largest = score.parts().stream().mapToDouble(Math::abs).max().orElse(0);
        Invariant sum = Invariant.of(
                "all parts and the position's: the run's own score", score.score(), score.sum(), 1e-4 * (1 + largest));
        return Found.of(
                        "a pair's part is the query part of one writer times the key part of another, norms' divisors frozen,"
                                + " RoPE turning both (Elhage et al. 2021; Kamath et al. 2025)",
                        List.of(sum))
                .score(score)
                .build();
    }

    private static boolean single(List<Integer> list) {
        return list != null && list.size() == 1 && list.get(0) != null;
    }

    private static int at(int pos, int n) {
        return pos < 0 ? n + pos : pos;
    }

    private Found lens() {
        LensFit.Kind kind = lensKind(request);
        int fewest = bases.stream().mapToInt(Side::length).min().orElse(0);
        int skip = request.skip() != null ? request.skip() : fewest < 32 ? 0 : 16;
        if (skip < 0 || fewest < skip + 2) {
            throw Problem.invalid("a text is too short")
                    .where("examples, corpus, skip")
                    .expected("texts of " + (skip + 2) + " tokens or more")
                    .found(fewest)
                    .instead("leave out fewer positions at the beginning: skip");
        }
        int each = number(request.steps(), 200, 1, 100_000, "steps");
        if (request.layers() != null) {
            for (Integer layer : request.layers()) {
                if (layer != null && layer >= 0 && layer < run.spec().nLayers()) continue;
                throw Problem.invalid("there is no such layer")
                        .where("layers")
                        .expected("0 to " + (run.spec().nLayers() - 1))
                        .found(layer);
            }
        }
        LensFit fit = new LensFit(new LensFit.Options(kind, each, skip, seed(), 5), run, request.layers(), steps);
        LensFit.Fitted fitted = fit.fit(bases);
        List<Invariant> checks = invariants(fit.checks());
        LensFit.Loss last = fitted.losses().get(fitted.losses().size() - 1);
        if (last.layer() == run.spec().nLayers() - 1)
            checks.add(Invariant.of("the last layer through the lens: the model's own output", 0, last.fitted(), 1e-6));
        String words =
                switch (kind) {
                    case LOGIT -> "norm and unembedding of the bare stream (nostalgebraist 2020)";
                    case TUNED ->
                        "tuned: h + W h + b, fitted to KL(final || lens), nothing for the last layer (Belrose et al. 2023)";
                    case JACOBIAN ->
                        "jacobian: W_U norm(J h), J the mean over texts and source positions of d h_final,t' / d h_t summed over"
                                + " t' >= t, without each text's first " + skip + " positions and its last";
                };
        return Found.of(words, checks).lens(fitted).build();
    }

    /** @throws Problem for a convention that is no lens */
    private static LensFit.Kind lensKind(AnalysisRequest request) {
        if (request.convention() == null) return LensFit.Kind.TUNED;
        for (LensFit.Kind kind : LensFit.Kind.values())
            if (kind.name().toLowerCase(Locale.ROOT).equals(request.convention())) return kind;
        throw Problem.invalid("there is no such lens")
                .where("convention")
                .expected("logit, tuned or jacobian")
                .found('"' + request.convention() + '"');
    }

    private Found probes() {
        SortedSet<HookId> hooks = hooks();
        List<Probing.Example> examples = new ArrayList<>();
        for (int i = 0; i < bases.size(); i++) {
            Example e = request.examples().get(i);
            examples.add(new Probing.Example(bases.get(i), e.label(), e.group() == null ? "#" + i : e.group()));
        }
        double c = request.c() == null ? 1 : request.c();
        if (!(c > 0) || Double.isInfinite(c))
            throw Problem.invalid("the inverse strength of the penalty is out of range")
                    .where("c")
                    .expected("a positive number")
                    .found(c);
        int width = run.spec().dModel();
        int coordinates = number(request.rank(), Math.min(16, width), 1, 1 << 20, "rank");
        List<LensFit.Check> checks = new ArrayList<>();
        Probing.Probes probes = Probing.run(examples, hooks, position(), coordinates, c, seed(), steps, checks);
        return Found.of(
                        "coordinates of the largest difference of class means on the training part; logistic regression, balanced, L2"
                                + " with C = " + c + "; groups held out whole (Gurnee et al. 2023)",
                        invariants(checks))
                .probes(probes)
                .build();
    }

    private Found interchange() {
        SortedSet<HookId> hooks = hooks();
        if (hooks.size() != 1) {
            throw Problem.invalid("an interchange is at one hook")
                    .where("points, layers")
                    .expected("one hook point and one layer")
                    .found(hooks.size() + " hooks");
        }
        List<Interchange.Example> examples = new ArrayList<>();
        for (int i = 0; i < bases.size(); i++) {
            Example e = request.examples().get(i);
            String at = "examples[" + i + "].";
            int token = e.answerId() == null
                    ? Answers.one(e.answer(), run.folder(), at + "answer")
                    : Prompt.inVocabulary(List.of(e.answerId()), run.spec().vocab(), at + "answer_id")
                            .get(0);
            examples.add(new Interchange.Example(bases.get(i), sources.get(i), token));
        }
        int rank = number(request.rank(), Math.min(8, run.spec().dModel()), 1, 1 << 16, "rank");
        int epochs = number(request.steps(), 100, 1, 100_000, "steps");
        Interchange.Options options = new Interchange.Options(hooks.first(), position(), rank, epochs, seed());
        List<LensFit.Check> checks = new ArrayList<>();
        Interchange.Subspace subspace = Interchange.run(options, examples, steps, checks);
        return Found.of(
                        "h_base + (h_source - h_base) B B^T, B of orthonormal columns fitted to -ln p(answer); random: a subspace by chance;"
                                + " arbitrary labels: fitted to answers dealt anew; whole: the value itself (Geiger et al. 2024)",
                        invariants(checks))
                .subspace(subspace)
                .build();
    }

    private static List<Invariant> invariants(List<LensFit.Check> checks) {
        List<Invariant> all = new ArrayList<>();
        for (LensFit.Check c : checks) all.add(Invariant.of(c.name(), c.expected(), c.got(), c.within()));
        return all;
    }

    /** Hooks of the stream's width: points (hook_resid_post) at layers (all). */
    private SortedSet<HookId> hooks() {
        DecoderSpec spec = run.spec();
        List<String> points = request.points() == null ? List.of("hook_resid_post") : request.points();
        SortedSet<HookId> hooks = new TreeSet<>();
        for (String name : points) {
            HookPoint point = HookPoint.named(name, "points");
            if (!point.layered() || !point.axes().equals(HookPoint.RESID_POST.axes())) {
                throw Problem.invalid("the hook's values are not as wide as the residual stream")
                        .where("points")
                        .expected("hook_resid_pre, hook_resid_mid, hook_resid_post, hook_attn_out or hook_mlp_out")
                        .found(name);
            }
            for (int i = 0; i < spec.nLayers(); i++) {
                HookId hook = HookId.of(point, i);
                if ((request.layers() == null || request.layers().contains(i)) && run.has(hook)) hooks.add(hook);
            }
        }
        if (!hooks.isEmpty()) return hooks;
        throw Problem.invalid("no layer has the hook point")
                .where("points, layers")
                .expected("layers 0 to " + (spec.nLayers() - 1))
                .found(request.layers());
    }

    private int position() {
        if (request.positions() == null) return -1;
        if (request.positions().size() == 1 && request.positions().get(0) != null)
            return request.positions().get(0);
        throw Problem.invalid("values are read at one position")
                .where("positions")
                .expected("one, negative from the end (-1)")
                .found(request.positions());
    }

    private int seed() {
        return request.seed() == null ? 0 : request.seed();
    }

    private static int number(Integer asked, int standard, int least, int most, String field) {
        int n = asked == null ? standard : asked;
        if (n >= least && n <= most) return n;
        throw Problem.invalid("the number is out of range")
                .where(field)
                .expected(least + " to " + most)
                .found(n);
    }

    /** @throws Problem where there are none, or too many */
    static List<Example> examples(AnalysisRequest request) {
        List<Example> all = request.examples();
        if (all != null && !all.isEmpty() && all.size() <= MOST_EXAMPLES) return all;
        String of = request.kind() == Kind.INTERCHANGE ? "prompt, source and answer" : "prompt and label";
        throw Problem.invalid("examples are missing, or too many")
                .where("examples")
                .expected("1 to " + MOST_EXAMPLES + ", each with " + of)
                .found(all == null ? 0 : all.size());
    }

    private void examples(boolean pairs) {
        List<Example> all = examples(request);
        for (int i = 0; i < all.size(); i++) {
            Example e = all.get(i);
            String at = "examples[" + i + "]";
            bases.add(reading(e, at));
            if (!pairs && e.label() == null) throw missing(at + ".label", "a text");
            if (pairs && (e.answer() == null) == (e.answerId() == null))
                throw missing(at, "either answer or answer_id");
            if (pairs && (e.source() == null) == (e.sourceTokens() == null))
                throw missing(at, "either source or source_tokens");
            if (pairs) sources.add(run.reading(e.source(), e.sourceTokens()));
        }
    }

    private Side reading(Example e, String at) {
        if (e == null || (e.prompt() == null) == (e.tokens() == null)) throw missing(at, "either prompt or tokens");
        return run.reading(e.prompt(), e.tokens());
    }

    private static Problem missing(String where, String expected) {
        return Problem.invalid("an example is incomplete").where(where).expected(expected);
    }

    /** The texts that a lens is fitted on: examples, or the documents of a corpus, each cut to its first tokens. */
    private void texts() {
        lensKind(request);
        if (request.examples() != null && request.corpus() != null)
            throw Problem.invalid("texts are given twice")
                    .where("examples, corpus")
                    .expected("one of them");
        if (request.corpus() != null) {
            long most = request.corpus().documents() == null
                    ? TEXTS
                    : request.corpus().documents();
            Corpora.open(request.corpus()).documents().read(d -> {
                Side text = run.reading(d.text(), null);
                if (text.length() >= 32) bases.add(text.cut(WINDOW));
                return bases.size() < most && bases.size() < MOST_EXAMPLES;
            });
        } else if (request.examples() != null) {
            texts(request.examples());
        }
        if (bases.size() >= 2) return;
        throw Problem.invalid("a lens is fitted on texts, and measured on others")
                .where("examples, corpus")
                .expected("two texts or more; of a corpus those of 32 tokens or more")
                .found(bases.size());
    }

    private void texts(List<Example> texts) {
        for (int i = 0; i < texts.size(); i++) {
            bases.add(reading(texts.get(i), "examples[" + i + "]").cut(WINDOW));
        }
    }
}
