package org.llminspector.web.mcp;

import java.util.Comparator;
import java.util.List;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.web.report.ComparisonText;

/** The tool that compares two forms of a run. */
final class CompareTools implements Tool.Group {

    private static final int MOST_MODULES = 5;

    record Asked(RunRequest a, RunRequest b, String prompt, List<Integer> tokens, Boolean speed, String name) {}

    /** @param made what the module's own arithmetic adds on the other side's inputs, relative to the value's norm */
    record Module(String module, Double made, Double total) {}

    record Compared(
            String comparison,
            int positions,
            Double meanKl,
            Double sameTop,
            String firstBad,
            String verdict,
            String outputs,
            String floor,
            List<Module> worstModules,
            String modulesWhy) {}

    private final Comparisons comparisons;

    CompareTools(Comparisons comparisons) {
        this.comparisons = comparisons;
    }

    @Override
    public List<Tool> tools() {
        return List.of(Tool.storing(
                "compare",
                "Runs the same tokens through A and B and measures how far they lie apart: mean KL of the next-token"
                        + " distributions, how often both find the same token most probable, the first bad hook, and the"
                        + " modules that err most. For precisions, engines, interventions or two models.",
                new Schema()
                        .object(
                                "a",
                                "The reference: {\"model\", \"engine\", \"precision\", \"interventions\"}. Default: {}.")
                        .object(
                                "b",
                                "The other side, likewise, such as {\"engine\": \"onnx\", \"precision\": \"int8\"}.")
                        .text("prompt", "The text that both read; or give tokens.")
                        .wholes("tokens", "Token ids instead of a text.")
                        .truth("speed", "Whether speed is measured too, which takes longer. Default: false.")
                        .text("name", "A label.")
                        .required("b"),
                Asked.class,
                this::compare));
    }

    private Compared compare(Asked asked, Tool.Steps steps) {
        RunRequest a = asked.a() == null ? RunRequest.builder().build() : asked.a();
        RunRequest b = asked.b() == null ? RunRequest.builder().build() : asked.b();
        if (!a.reads()) a = a.withShared(a.model(), asked.prompt(), asked.tokens());
        boolean cost = asked.speed() != null && asked.speed();
        ComparisonRequest request = ComparisonRequestBuilder.builder()
                .a(a)
                .b(b)
                .options(new ComparisonRequest.Options(null, null, null, null, null, cost, null, null))
                .name(asked.name())
                .build();
        ComparisonManifest m = comparisons.compare(request, new ComparisonListener() {
            @Override
            public void progress(Progress p) {
                steps.at(p.done(), p.total(), p.phase());
            }
        });
        OutputMeasures o = m.prompt();
        List<Module> worst = m.modules() == null
                ? List.of()
                : m.modules().stream()
                        .filter(e -> e.made() != null)
                        .sorted(Comparator.comparingDouble(ComparisonManifest.ModuleError::made)
                                .reversed())
                        .limit(MOST_MODULES)
                        .map(e -> new Module(e.module(), e.made(), e.total()))
                        .toList();
        return new Compared(
                m.id(),
                o.positions(),
                o.meanKld().value(),
                o.sameTop().value(),
                ComparisonText.firstBad(m),
                m.verdict().sentence(),
                ComparisonText.outputs(m),
                ComparisonText.floor(m),
                worst,
                m.modulesWhy());
    }
}
