package org.llminspector.web.mcp;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GenerateOptionsBuilder;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.RunListener;
import org.llminspector.run.Runs;
import org.llminspector.run.inspect.Lens;
import org.llminspector.run.inspect.RunAnalyses;
import org.llminspector.run.models.Opening;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;

/** Tools about runs: make one, read one captured value, read the stream through the unembedding. */
final class RunTools implements Tool.Group {

    private static final int MOST_HOOKS = 40;
    private static final int LENS_TOP = 3;

    record Asked(
            String model,
            String engine,
            Precision precision,
            String prompt,
            List<Integer> tokens,
            Integer maxNewTokens,
            Double temperature,
            Long seed,
            List<String> capture,
            List<Intervention> interventions,
            String name) {}

    record CaptureOf(String run, String hook, String positions, String heads) {}

    record LensOf(String run, String hook, Integer position) {}

    record Made(
            String run,
            String model,
            int promptTokens,
            String text,
            String continuation,
            String finishReason,
            List<Next> next,
            List<String> captured,
            String omitted,
            double ms) {}

    record Next(int id, String token, double prob) {}

    record LensAnswer(String run, int position, String token, List<LensRow> layers) {}

    record LensRow(String hook, List<String> top, int rankOfFinal, double klToFinal) {}

    private final Runs runs;
    private final RunAnalyses analyses;

    RunTools(Runs runs, RunAnalyses analyses) {
        this.runs = runs;
        this.analyses = analyses;
    }

    @Override
    public List<Tool> tools() {
        return List.of(
                Tool.storing(
                        "run",
                        "Runs a prompt through a model and stores the run. Answers its id, the text and the most probable"
                                + " next tokens after the prompt.",
                        new Schema()
                                .model()
                                .text("prompt", "The text; or give tokens.")
                                .wholes("tokens", "Token ids instead of a text.")
                                .whole("max_new_tokens", "Default: 1.")
                                .number("temperature", "Above 0 samples; by default the most probable token is taken.")
                                .whole("seed", "Of sampling.")
                                .texts(
                                        "capture",
                                        "Hook names or globs to keep, such as blocks.*.hook_resid_post. What a run lacks"
                                                + " the tools capture and lens compute later.")
                                .objects(
                                        "interventions",
                                        "Changes while it runs: {\"hook\": \"blocks.2.attn.hook_z\", \"op\": \"zero\", \"heads\":"
                                                + " [1], \"positions\": [3, 4]}; op is zero, mean, scale, add, replace (with"
                                                + " value or values), mask, freeze, or scale_along, cap_along, add_along (with a"
                                                + " direction as values, and value).")
                                .text("name", "A label."),
                        Asked.class,
                        this::run),
                Tool.storing(
                        "capture",
                        "A hooked value of a run: shape, least, largest and mean value, norm by position, and at most 64 of"
                                + " its values. It is computed now where the run did not capture it.",
                        new Schema()
                                .text("run", "The run's id.")
                                .text("hook", "With its layer, such as blocks.0.attn.hook_pattern.")
                                .text("positions", "A slice as in NumPy: 3, -1, 2:5. Of a pattern, of its queries.")
                                .text("heads", "A slice of the heads.")
                                .required("run", "hook"),
                        CaptureOf.class,
                        (asked, steps) -> capture(asked)),
                Tool.storing(
                        "lens",
                        "The logit lens: at each layer the tokens that would be most probable if the model ended there, at"
                                + " one position.",
                        new Schema()
                                .text("run", "The run's id.")
                                .whole("position", "Negative from the end. Default: the prompt's last.")
                                .text(
                                        "hook",
                                        "hook_resid_post (default), hook_resid_pre, hook_attn_out, hook_mlp_out ...")
                                .required("run"),
                        LensOf.class,
                        (asked, steps) -> lens(asked)));
    }

    private Made run(Asked asked, Tool.Steps steps) {
        int most = asked.maxNewTokens() == null ? 1 : asked.maxNewTokens();
        RunRequest request = RunRequest.builder()
                .model(asked.model())
                .engine(asked.engine())
                .precision(asked.precision())
                .prompt(asked.prompt())
                .tokens(asked.tokens())
                .capture(asked.capture())
                .interventions(asked.interventions())
                .generate(GenerateOptionsBuilder.builder()
                        .maxNewTokens(most)
                        .temperature(asked.temperature())
                        .seed(asked.seed())
                        .build())
                .name(asked.name())
                .build();
        RunManifest m = runs.run(request, listener(steps, most));
        List<GeneratedToken> generated = m.generation().steps();
        List<Next> next = generated.isEmpty()
                ? List.of()
                : generated.get(0).alternatives().stream()
                        .map(a -> new Next(a.id(), a.text(), a.prob()))
                        .toList();
        List<String> captured = m.captures().stream()
                .limit(MOST_HOOKS)
                .map(c -> c.hook().name())
                .toList();
        int more = m.captures().size() - captured.size();
        return new Made(
                m.id(),
                m.model().slug(),
                m.promptLength(),
                m.text(),
                m.generation().text(),
                m.generation().finishReason(),
                next,
                captured,
                more > 0 ? more + " more hooks" : null,
                m.timings().totalMs());
    }

    private static RunListener listener(Tool.Steps steps, int most) {
        return new RunListener() {
            private int tokens;

            @Override
            public void opening(String id, Opening.Progress p) {
                steps.at(p.done(), p.of(), "opening the model");
            }

            @Override
            public void token(GeneratedToken token, KvCacheReport kvCache) {
                steps.at(++tokens, most, "tokens");
            }
        };
    }

    private TensorSummary capture(CaptureOf asked) {
        HookId hook = HookId.parse(given(asked.hook(), "hook", "a hook's name, such as blocks.0.hook_resid_post"));
        String run = given(asked.run(), "run", "a run's id");
        runs.recaptures().extend(run, new RecaptureRequest(List.of(hook.name()), asked.positions(), null));
        Slice positions = asked.positions() == null ? Slice.ALL : Slice.parse(asked.positions(), "positions");
        Slice heads = asked.heads() == null ? null : Slice.parse(asked.heads(), "heads");
        RunStore.Captured kept = runs.stored().captured(run, hook, positions);
        return TensorSummary.of(run, hook, kept, positions, heads);
    }

    private LensAnswer lens(LensOf asked) {
        String run = given(asked.run(), "run", "a run's id");
        HookPoint point = asked.hook() == null ? HookPoint.RESID_POST : HookPoint.named(asked.hook(), "hook");
        List<String> read = new ArrayList<>(List.of(layered(point)));
        if (point != HookPoint.RESID_POST) read.add(layered(HookPoint.RESID_POST));
        RunManifest m = runs.recaptures().extend(run, new RecaptureRequest(read, null, null));
        int at = asked.position() == null ? m.promptLength() - 1 : asked.position();
        int pos = Slice.at(at).on(m.positions(), "position")[0];
        Lens lens = analyses.lens(run, point, LENS_TOP, Slice.at(pos));
        List<LensRow> rows =
                lens.rows().stream().map(r -> row(r.hook(), r.cells().get(0))).toList();
        return new LensAnswer(run, pos, m.tokens().get(pos).text(), rows);
    }

    private static String layered(HookPoint point) {
        return point.template().replace("{i}", "*");
    }

    private static LensRow row(String hook, Lens.Cell cell) {
        List<String> top = cell.top().stream()
                .map(c -> Problem.shown(c.text()) + " " + Numbers.rounded(c.prob()))
                .toList();
        return new LensRow(hook, top, cell.finalTokenRank(), cell.klToFinal());
    }

    private static String given(String value, String field, String expected) {
        if (value != null) return value;
        throw Problem.invalid("an argument is missing").where(field).expected(expected);
    }
}
