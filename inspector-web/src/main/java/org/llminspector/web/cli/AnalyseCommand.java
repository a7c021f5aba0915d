package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.run.Inspector;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.LabListener;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.SideArgument;
import org.llminspector.web.server.http.StrictJson;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that finds what caused the difference between two runs' answers. */
@Command(
        name = "analyse",
        sortOptions = false,
        customSynopsis = "inspector analyse KIND --prompt TEXT [--corrupt TEXT] [--b SIDE] [OPTION...]",
        description = {
            "Finds what caused an answer: two prompts that differ in one thing, a number that measures the answer, and every part tried.",
            "",
            "KIND is",
            "  patch        a value of one run given to the other, place by place, and measured",
            "  attribution  the same, estimated everywhere by one gradient; the best are measured too",
            "  path         a sender's change (--cell) reaches the receivers alone (--receiver)",
            "  edges        the circuit: edges between heads and MLPs, and how much of the answer the best keep",
            "  restore      values given back to the same model quantized (--b), and a least set that mends it",
            "  qk           one attention score (--cell) as a sum over pairs of what wrote the residual stream",
            "  lens         a tuned or Jacobian lens, fitted on --corpus or --examples and read in the run",
            "  probe        few coordinates that tell the two labels of --examples apart, layer by layer",
            "  interchange  a subspace that carries what decides the answer of --examples (DAS)"
        },
        footer = {
            "",
            "Both prompts have the same number of tokens. A CELL is HOOK[,heads=1+2][,positions=3+4][,keys=5].",
            "--examples is a .jsonl file of objects: prompt, label and group of probe; prompt, source and answer of",
            "interchange; prompt of lens.",
            "",
            "Examples:",
            "  inspector analyse patch --prompt 'Mia gave a red ball to Ben. \"Thank you,' \\",
            "    --corrupt 'Ben gave a red ball to Mia. \"Thank you,'",
            "  inspector analyse edges --prompt TEXT --corrupt TEXT --steps 5",
            "  inspector analyse path --prompt TEXT --corrupt TEXT --cell blocks.1.attn.hook_z,heads=2 \\",
            "    --receiver 'blocks.*.attn.hook_q'",
            "  inspector analyse lens --convention jacobian --prompt TEXT --corpus tales:held_out --documents 4",
            "  inspector analyse qk --prompt TEXT --cell blocks.3.attn.hook_attn_scores,heads=2,positions=-1,keys=1",
            "  inspector analyse restore --engine onnx --prompt TEXT --b precision=int8"
        })
final class AnalyseCommand extends ModelCommand {

    private static final int LISTED = 15;

    @Parameters(index = "0", paramLabel = "KIND", description = "What is computed.")
    String kind;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "The clean run's.")
    String prompt;

    @Option(names = "--tokens", paramLabel = "ID", split = ",", description = "Token ids instead of a prompt.")
    List<Integer> tokens;

    @Option(names = "--corrupt", paramLabel = "TEXT", description = "The other run's. Default: the same.")
    String corrupt;

    @Option(
            names = "--b",
            paramLabel = "SIDE",
            description = "What else differs in the other run, as in compare: engine=onnx,precision=int8; or JSON.")
    String b;

    @Option(
            names = "--metric",
            paramLabel = "NAME",
            description = "logit_diff, logit, prob, nll, kl or rank. Default: logit_diff; restore: kl.")
    String metric;

    @Option(
            names = "--answer",
            paramLabel = "TOKEN",
            description = "An answer of one token; may be repeated. Default: the clean run's own.")
    List<String> answers;

    @Option(
            names = "--against",
            paramLabel = "TOKEN",
            description = "Of logit_diff, what it is measured against. Default: the other run's own answer.")
    List<String> against;

    @Option(
            names = "--direction",
            paramLabel = "WAY",
            description = "denoise: clean values into the corrupt run; or noise. Default: denoise.")
    String direction;

    @Option(
            names = "--points",
            paramLabel = "HOOK,...",
            split = ",",
            description = "Hook points without their layer. Default: hook_resid_pre and what is added to the stream.")
    List<String> points;

    @Option(
            names = "--by",
            paramLabel = "PLACE",
            description = "position, head, head_position, layer or channels. Default: position; restore: layer.")
    String by;

    @Option(names = "--layers", paramLabel = "N,...", split = ",", description = "Default: all.")
    List<Integer> layers;

    @Option(names = "--positions", paramLabel = "N,...", split = ",", description = "Default: all.")
    List<Integer> positions;

    @Option(names = "--cell", paramLabel = "CELL", description = "Changed together with the others; may be repeated.")
    List<String> cells;

    @Option(names = "--receiver", paramLabel = "CELL", description = "Of a path; may be repeated. Default: logits.")
    List<String> receivers;

    @Option(
            names = "--convention",
            paramLabel = "NAME",
            description =
                    "Of attribution tl or eap, of edges eap_ig or eap, of lens tuned, jacobian or logit. Default: the first.")
    String convention;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Of eap_ig (5), of a layer's tuned lens (200), of interchange (100).")
    Integer steps;

    @Option(names = "--measured", paramLabel = "N", description = "Estimates that are measured too. Default: 10.")
    Integer measured;

    @Option(
            names = "--edges",
            paramLabel = "N,...",
            split = ",",
            description = "Sizes of the circuits that are run. Default: a ladder of sizes.")
    List<Integer> edges;

    @Option(names = "--keep", paramLabel = "N", description = "The most edges that are listed. Default: 200.")
    Integer keep;

    @Option(names = "--examples", paramLabel = "FILE", description = "A .jsonl file of prompts.")
    Path examples;

    @Option(names = "--corpus", paramLabel = "PATH", description = "Texts of a lens: a file, a folder, tales:held_out.")
    String corpus;

    @Option(names = "--documents", paramLabel = "N", description = "Texts of the corpus. Default: 20.")
    Long documents;

    @Option(
            names = "--rank",
            paramLabel = "N",
            description = "Coordinates of a probe (16), dimensions of an interchange (8).")
    Integer rank;

    @Option(
            names = "--c",
            paramLabel = "C",
            description = "Of a probe, the inverse strength of its L2 penalty. Default: 1.")
    Double c;

    @Option(names = "--skip", paramLabel = "N", description = "Of a lens, positions left out at a text's beginning.")
    Integer skip;

    @Option(names = "--seed", paramLabel = "N", description = "Of what is drawn by chance. Default: 0.")
    Integer seed;

    @Option(names = "--signed", description = "Rank edges by their value, not by their magnitude.")
    boolean signed;

    @Mixin
    EngineFlags engine;

    @Option(names = "--json", description = "Print the analysis as JSON, as POST /api/v1/analyses does.")
    boolean json;

    @Mixin
    QuietOptions manners;

    @Override
    public Integer call() {
        AnalysisRequest request = request();
        Progress progress = new Progress(err(), manners.quiet);
        Interrupt interrupt = new Interrupt();
        try (Inspector inspector = places.open(1)) {
            Analysis done = inspector.labs().analyse(request, listener(progress, interrupt));
            progress.clear();
            PrintWriter out = out();
            if (json) out.println(Json.write(done));
            else AnalysisPrinter.print(done, LISTED, out);
            out.flush();
            if (!manners.quiet) {
                err().println("analysis " + done.id());
                err().flush();
            }
            return 0;
        } catch (Problem p) {
            progress.clear();
            if (interrupt.requested()) return Interrupt.EXIT_CODE;
            throw p;
        } finally {
            progress.clear();
            interrupt.done();
        }
    }

    private static LabListener listener(Progress bar, Interrupt interrupt) {
        return new LabListener() {
            @Override
            public void progress(LabListener.Progress p) {
                bar.bar(p.done(), p.total(), p.phase());
            }

            @Override
            public boolean cancelled() {
                return interrupt.requested();
            }
        };
    }

    private AnalysisRequest request() {
        RunRequest clean = engine.of(
                        RunRequest.builder().model(places.slug()).prompt(prompt).tokens(tokens))
                .build();
        RunRequest other = b == null ? RunRequest.builder().build() : SideArgument.parse(b, "--b");
        if (other.model() != null)
            other = other.toBuilder().model(places.slug(other.model())).build();
        if (corrupt != null) other = other.toBuilder().prompt(corrupt).build();
        AnalysisRequest.Kind what = named(AnalysisRequest.Kind.values(), kind, "KIND");
        boolean two = what.paired() || b != null || corrupt != null;
        boolean measure = metric != null || answers != null || against != null;
        return AnalysisRequestBuilder.builder()
                .kind(what)
                .clean(clean)
                .corrupt(two ? other : null)
                .metric(
                        measure
                                ? new AnalysisRequest.Metric(
                                        named(AnalysisRequest.Measure.values(), metric, "--metric"),
                                        answers,
                                        against,
                                        null,
                                        null,
                                        null)
                                : null)
                .direction(named(AnalysisRequest.Direction.values(), direction, "--direction"))
                .points(points)
                .by(named(AnalysisRequest.By.values(), by, "--by"))
                .layers(layers)
                .positions(positions)
                .cells(cells(cells, "--cell"))
                .receivers(cells(receivers, "--receiver"))
                .convention(convention)
                .steps(steps)
                .measured(measured)
                .edges(edges)
                .keep(keep)
                .signed(signed ? true : null)
                .examples(examples == null ? null : examples(examples))
                .corpus(corpus == null ? null : new SweepRequest.Texts(corpus, documents, null, null, null, null))
                .rank(rank)
                .c(c)
                .skip(skip)
                .seed(seed)
                .build();
    }

    private static <E extends Enum<E>> E named(E[] values, String name, String option) {
        if (name == null) return null;
        return Arrays.stream(values)
                .filter(v -> v.name().equalsIgnoreCase(name.replace('-', '_')))
                .findFirst()
                .orElseThrow(() -> Problem.invalid("there is no such choice")
                        .where(option)
                        .expected(String.join(
                                ", ",
                                Arrays.stream(values)
                                        .map(v -> v.name().toLowerCase(Locale.ROOT))
                                        .toList()))
                        .found('"' + name + '"'));
    }

    /** A line an example, as JSON. */
    private static List<AnalysisRequest.Example> examples(Path file) {
        List<AnalysisRequest.Example> all = new ArrayList<>();
        String[] lines = Reads.argumentText(file, Reads.MANIFEST).split("\n", -1);
        for (int i = 0; i < lines.length; i++) {
            if (lines[i].isBlank()) continue;
            byte[] line = lines[i].getBytes(StandardCharsets.UTF_8);
            all.add(StrictJson.read(line, AnalysisRequest.Example.class, file + ", line " + (i + 1)));
        }
        return all;
    }

    private static List<Cell> cells(List<String> texts, String option) {
        return texts == null ? null : texts.stream().map(t -> cell(t, option)).toList();
    }

    private static Cell cell(String text, String option) {
        String[] parts = text.split(",", -1);
        List<Integer> heads = null;
        List<Integer> at = null;
        List<Integer> keys = null;
        for (int i = 1; i < parts.length; i++) {
            String[] pair = parts[i].strip().split("=", 2);
            if (pair.length == 2 && pair[0].equals("heads")) heads = numbers(pair[1], option);
            else if (pair.length == 2 && pair[0].equals("positions")) at = numbers(pair[1], option);
            else if (pair.length == 2 && pair[0].equals("keys")) keys = numbers(pair[1], option);
            else throw wrong(text, option);
        }
        return new Cell(parts[0].strip(), heads, at, keys);
    }

    private static List<Integer> numbers(String text, String option) {
        List<Integer> numbers = new ArrayList<>();
        for (String n : Pattern.compile("\\+").split(text, -1)) {
            try {
                numbers.add(Integer.parseInt(n.strip()));
            } catch (NumberFormatException e) {
                throw wrong(text, option);
            }
        }
        return numbers;
    }

    private static Problem wrong(String text, String option) {
        return Problem.invalid("this is no cell")
                .where(option)
                .expected("HOOK[,heads=1+2][,positions=3+4][,keys=5]")
                .found(text);
    }
}
