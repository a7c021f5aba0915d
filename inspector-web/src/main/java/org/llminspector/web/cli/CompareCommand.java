package org.llminspector.web.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.run.Inspector;
import org.llminspector.run.compare.BaseComparison;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestBuilder;
import org.llminspector.run.request.ComparisonRequestOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.web.cli.common.CorpusFlags;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.SensitivityFlags;
import org.llminspector.web.cli.common.SideArgument;
import org.llminspector.web.report.ComparisonReport;
import org.llminspector.web.report.ComparisonTables;
import org.llminspector.web.report.LlamaCppBlock;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that compares two requests: where their activations and outputs diverge, how far, and what each costs. */
@Command(
        name = "compare",
        customSynopsis =
                "inspector compare [--a SIDE] --b SIDE (--prompt TEXT | --text FILE | --corpus PATH) [--out FILE] [OPTION...]",
        description =
                "Runs the same tokens through A and B and measures how far they lie apart, at every hook and over a"
                        + " text.",
        sortOptions = false,
        footer = {
            "",
            "A SIDE is NAME=VALUE,... with model, engine, device, precision, kv_cache, prompt; or a run's request as JSON",
            "or @FILE.",
            "",
            "Examples:",
            "  What FP16 does to a model, value by value and over a text:",
            "    inspector compare --a precision=fp32 --b precision=fp16 \\",
            "      --prompt \"Once upon a time\" --text story.txt --out report.html",
            "  What a cache of 8 bits costs, and one whose values alone have 8:",
            "    inspector compare --b kv_cache=int8 --text story.txt",
            "    inspector compare --b kv_cache=fp16/int8 --text story.txt",
            "  What one head is worth:",
            "    inspector compare --prompt \"The cat sat\" \\",
            "      --b '{\"interventions\":[{\"hook\":\"blocks.2.attn.hook_z\",",
            "        \"op\":\"zero\",\"heads\":[1]}]}'",
            "  Two models, or two files of one:",
            "    inspector compare --a model=./base --b model=./instruct --text story.txt",
            "    inspector compare --a model=./m-f16.gguf --b model=./m-q8_0.gguf \\",
            "      --text story.txt",
            "  Which modules INT4 hurts, and the best mix in 3 MiB:",
            "    inspector compare --a engine=onnx --b engine=onnx,precision=int4_32 \\",
            "      --text story.txt --sensitivity --budget 3MiB",
            "  The figures of llama-perplexity --kl-divergence, with its files:",
            "    inspector compare --a model=./m-f16.gguf --b model=./m-q4.gguf --text wiki.txt \\",
            "      --windows llama.cpp --save-kld base.kld",
            "    inspector compare --kld-base base.kld --b model=./m-q8_0.gguf",
            "  May it ship? Exit code 10 where it may not:",
            "    inspector compare --a engine=onnx --b engine=onnx,precision=int8 --text story.txt \\",
            "      --fail-if 'mean_kld>0.02' --fail-if 'same_top<0.97' --junit out.xml",
            "  The same with an interval over the documents of a corpus:",
            "    inspector compare --a engine=onnx --b engine=onnx,precision=int8 --corpus wiki.jsonl \\",
            "      --fail-if 'mean_kld.high>0.02'",
            "",
            "KL and perplexity have llama.cpp's names and formulas, A as its base, but every token is scored once where",
            "llama.cpp scores the second half of each chunk: its own figures are those of --windows llama.cpp.",
            "Ctrl-C ends it and keeps nothing."
        })
final class CompareCommand extends ModelCommand {

    private static final String NUMBER = "([0-9]+(?:\\.[0-9]+)?(?:[eE]-?[0-9]{1,2})?)";
    private static final Pattern BOUND = Pattern.compile("([a-z_]+)=" + NUMBER + ":" + NUMBER);
    private static final long MAX_TEXT = 256L << 20;

    @Option(names = "--a", paramLabel = "SIDE", description = "The reference. Default: the default model in fp32.")
    String a;

    @Option(
            names = "--b",
            paramLabel = "SIDE",
            description = "The other side. Model, device and prompt are A's unless it says another.")
    String b;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "What both read for the comparison of hooks.")
    String prompt;

    @Option(names = "--tokens", paramLabel = "ID", split = ",", description = "Token ids instead of a prompt.")
    List<Integer> tokens;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description = "The text that KL divergence and perplexity are measured over; - reads standard input.")
    String text;

    @Mixin
    CorpusFlags corpus;

    @Option(
            names = "--hooks",
            paramLabel = "HOOKS",
            split = ",",
            description = "Hooks to compare, names or globs. Default: all but hook_result.")
    List<String> hooks;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "Positions per pass. Default: 512 over the text, 128 over the corpus, or what fits.")
    Integer window;

    @Option(
            names = "--stride",
            paramLabel = "N",
            description = "Tokens from one window to the next. Default: half a window.")
    Integer stride;

    @Option(
            names = "--windows",
            paramLabel = "HOW",
            description =
                    "every-token (the default): windows overlap and each token is scored once; or llama.cpp: chunks of --window"
                            + " tokens, their first replaced by BOS where the tokenizer adds one, their second half scored,"
                            + " A in the 16 bits of its file: the figures of llama-perplexity, printed in its lines.")
    String windows;

    @Option(
            names = "--save-kld",
            paramLabel = "FILE",
            description =
                    "With --windows llama.cpp: write A's log-probabilities as llama-perplexity --kl-divergence-base does.")
    Path saveKld;

    @Option(
            names = "--kld-base",
            paramLabel = "FILE",
            description =
                    "Instead of A and a text: such a file, of llama-perplexity or --save-kld. B reads its tokens; the figures are"
                            + " printed in llama.cpp's lines, and nothing is kept.")
    Path kldBase;

    @Option(names = "--top", paramLabel = "K", description = "Most probable tokens per side to list. Default: 10.")
    Integer top;

    @Mixin
    SensitivityFlags sensitivity;

    @Option(
            names = "--floor",
            paramLabel = "HOW",
            description =
                    "What A is compared with to see how far it lies from itself: batches (its tokens in other pieces; the"
                            + " default), engine (A on the other engine) or none.")
    String floor;

    @Option(
            names = "--factor",
            paramLabel = "X",
            description = "How many times the noise floor an error must be to be called bad. Default: 10.")
    Double factor;

    @Option(
            names = "--continue",
            paramLabel = "N",
            description =
                    "Tokens by which both sides continue the prompt, each its most probable; 0 for none. Default: 32.")
    Integer continueTokens;

    @Option(
            names = "--bound",
            paramLabel = "NAME=LOOK:BROKEN",
            description =
                    "Bounds of the verdict, such as mean_kld=0.01:0.1 or same_top=0.98:0.9; may be repeated. Names are those of"
                            + " verdict.rules in --json.")
    List<String> bounds;

    @Option(
            names = "--activations",
            description = "List the outliers of what every matrix of A reads, and not only the worst.")
    boolean activations;

    @Option(names = "--no-split", description = "Do not split errors of modules into made and inherited.")
    boolean noSplit;

    @Option(
            names = "--lengths",
            paramLabel = "N,...",
            split = ",",
            description = "Measure speed after prompts of these many tokens too: the prompt, said again.")
    List<Integer> lengths;

    @Option(names = "--no-cost", description = "Do not measure speed and memory.")
    boolean noCost;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write a report, one HTML page that needs nothing else.")
    Path out;

    @Option(
            names = "--positions",
            paramLabel = "FILE",
            description =
                    "Write what both say at every position of the text (else of the prompt) as CSV: KL, probabilities.")
    Path positions;

    @Option(
            names = "--flips",
            paramLabel = "FILE",
            description =
                    "Write the positions at which B finds another token most probable, with what was read before, as CSV.")
    Path flips;

    @Option(
            names = "--fail-if",
            paramLabel = "CONDITION",
            description =
                    "End with exit code 10 where it holds, such as mean_kld>0.02 or same_top<0.97; may be repeated."
                            + " Names are --json's: a measure of the text, or a path such as b.cost.weight_bytes; with"
                            + " --corpus mean_kld.high, the upper end of the corpus's 95 %% interval, is one.")
    List<String> failIf;

    @Option(
            names = "--junit",
            paramLabel = "FILE",
            description = "With --fail-if: write the outcomes as a JUnit report.")
    Path junit;

    @Option(names = "--name", paramLabel = "TEXT", description = "A label to know the comparison by.")
    String name;

    @Option(names = "--json", description = "Print the comparison's manifest instead of tables.")
    boolean json;

    @Mixin
    QuietOptions manners;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        List<Gate> gates =
                failIf == null ? List.of() : failIf.stream().map(Gate::parse).toList();
        gates.forEach(g -> g.checkCorpus(corpus.corpus != null));
        if (kldBase != null) return againstBase(gates);
        ComparisonRequest request = request();
        if (junit != null && gates.isEmpty()) {
            throw Problem.invalid("a report of conditions needs one")
                    .where("--junit")
                    .expected("--fail-if too");
        }
        Progress progress = new Progress(err(), manners.quiet);
        Interrupt interrupt = new Interrupt();
        try (Inspector inspector = places.open(1)) {
            ComparisonManifest m =
                    inspector.comparisons().compare(request, saveKld, new ComparisonProgress(progress, interrupt));
            progress.clear();
            PrintWriter stdout = out();
            if (json) stdout.println(Json.write(m));
            else ComparisonPrinter.print(m, activations, stdout);
            stdout.flush();
            if (out != null) {
                Files.writeString(out, new ComparisonReport(inspector.comparisons(), m).html());
            }
            if (positions != null) Files.writeString(positions, ComparisonTables.tokens(compared(inspector, m)));
            if (flips != null) Files.writeString(flips, ComparisonTables.flips(compared(inspector, m)));
            if (!manners.quiet) {
                err().println("comparison " + m.id() + (out == null ? "" : " · report in " + out));
                err().flush();
            }
            List<Gate.Outcome> outcomes = gates.stream().map(g -> g.of(m)).toList();
            if (junit != null) Gate.junit(junit, m, outcomes);
            return failed(outcomes);
        } catch (Problem p) {
            progress.clear();
            if (interrupt.requested()) return Interrupt.EXIT_CODE;
            throw p;
        } finally {
            progress.clear();
            interrupt.done();
        }
    }

    private static List<ComparedToken> compared(Inspector inspector, ComparisonManifest m) {
        Comparisons.Part part = m.text() == null ? Comparisons.Part.PROMPT : Comparisons.Part.TEXT;
        return inspector.comparisons().tokens(m.id(), part, 0, Integer.MAX_VALUE);
    }

    /** The exit code: 0 where no gate fails. */
    private int failed(List<Gate.Outcome> outcomes) {
        List<Gate.Outcome> failed =
                outcomes.stream().filter(Gate.Outcome::failed).toList();
        for (Gate.Outcome o : failed) spec.commandLine().getErr().println("FAILED: " + o.message());
        err().flush();
        return failed.isEmpty() ? 0 : Gate.EXIT_CODE;
    }

    private ComparisonRequest request() throws IOException {
        RunRequest sideA = SideArgument.parse(a, "--a");
        RunRequest sideB = SideArgument.parse(b, "--b");
        String modelA = sideA.model() == null ? places.slug() : places.slug(sideA.model());
        String modelB = places.slug(sideB.model());
        return ComparisonRequestBuilder.builder()
                .a(SideArgument.with(sideA, modelA, prompt, tokens))
                .b(SideArgument.with(sideB, modelB, null, null))
                .text(text())
                .corpus(corpus.texts())
                .options(ComparisonRequestOptionsBuilder.builder()
                        .hooks(hooks)
                        .split(noSplit ? false : null)
                        .top(top)
                        .window(window)
                        .stride(stride)
                        .cost(noCost ? false : null)
                        .floor(floor())
                        .factor(factor)
                        .windows(windows())
                        .costLengths(lengths)
                        .continueTokens(continueTokens)
                        .bounds(bounds())
                        .build())
                .sensitivity(sensitivity.request())
                .name(name)
                .build();
    }

    private ComparisonRequest.Floor floor() {
        if (floor == null) return null;
        return Arrays.stream(ComparisonRequest.Floor.values())
                .filter(f -> f.name().equalsIgnoreCase(floor))
                .findFirst()
                .orElseThrow(() -> Problem.invalid("there is no such noise floor")
                        .where("--floor")
                        .expected("batches, engine or none")
                        .found(Problem.shown(floor)));
    }

    private Map<String, ComparisonRequest.Bound> bounds() {
        if (bounds == null) return null;
        Map<String, ComparisonRequest.Bound> all = new LinkedHashMap<>();
        for (String text : bounds) {
            Matcher m = BOUND.matcher(text);
            if (!m.matches()) {
                throw Problem.invalid("this is no pair of bounds")
                        .where("--bound")
                        .expected("NAME=LOOK:BROKEN, such as mean_kld=0.01:0.1")
                        .found(Problem.shown(text));
            }
            all.put(m.group(1), new ComparisonRequest.Bound(Double.valueOf(m.group(2)), Double.valueOf(m.group(3))));
        }
        return all;
    }

    private ComparisonRequest.Windows windows() {
        if (windows == null || windows.equalsIgnoreCase("every-token")) return null;
        if (windows.equalsIgnoreCase("llama.cpp")) return ComparisonRequest.Windows.LLAMA_CPP;
        throw Problem.invalid("a text cannot be cut like this")
                .where("--windows")
                .expected("every-token or llama.cpp")
                .found(Problem.shown(windows));
    }

    /** Compares B with a file of log-probabilities. Nothing is stored, so there is no report. */
    private Integer againstBase(List<Gate> gates) throws IOException {
        if (a != null
                || prompt != null
                || tokens != null
                || text != null
                || corpus.corpus != null
                || sensitivity.asked()
                || out != null
                || saveKld != null
                || junit != null) {
            throw Problem.invalid("the file is A, and has the text's tokens")
                    .where("--kld-base")
                    .expected("only --b, --top, --json and --fail-if beside it");
        }
        RunRequest raw = SideArgument.parse(b, "--b");
        String slug = raw.model() == null ? places.slug() : places.slug(raw.model());
        RunRequest side = SideArgument.with(raw, slug, null, null);
        Progress progress = new Progress(err(), manners.quiet);
        Interrupt interrupt = new Interrupt();
        try (Inspector inspector = places.open(1)) {
            BaseComparison.Answer answer =
                    inspector.comparisons().against(kldBase, side, top, new ComparisonProgress(progress, interrupt));
            progress.clear();
            PrintWriter stdout = out();
            if (json) stdout.println(Json.write(answer));
            else LlamaCppBlock.lines(answer.measures()).forEach(stdout::println);
            stdout.flush();
            return failed(gates.stream().map(g -> g.of(answer)).toList());
        } catch (Problem p) {
            progress.clear();
            if (interrupt.requested()) return Interrupt.EXIT_CODE;
            throw p;
        } finally {
            progress.clear();
            interrupt.done();
        }
    }

    private String text() throws IOException {
        if (text == null) return null;
        if (text.equals("-")) return new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        Path file = Path.of(text);
        if (Files.isRegularFile(file)) return Reads.text(file, MAX_TEXT);
        throw Problem.notFound("the file cannot be read")
                .where("--text " + text)
                .expected("a file of text");
    }
}
