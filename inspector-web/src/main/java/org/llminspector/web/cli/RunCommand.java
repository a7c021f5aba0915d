package org.llminspector.web.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.web.cli.common.Arguments;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.FolderOptions;
import org.llminspector.web.cli.common.GenerateFlags;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.RunPrinter;
import org.llminspector.web.cli.common.TextPrinter;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that runs a prompt through a model, prints the text, stores the run and writes its captures. */
@Command(
        name = "run",
        customSynopsis =
                "inspector run (--prompt TEXT | --tokens IDS | --message ROLE=TEXT...) [--capture HOOKS] [--out FILE] [OPTION...]",
        description = "Runs a prompt through a model, captures what you name, and continues the text if you ask.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  A continuation, as it is made:",
            "    inspector run --prompt \"Once upon a time\" --max-new-tokens 40 --seed 7",
            "  Every attention pattern and the logits, into a file that Python reads:",
            "    inspector run --prompt \"The cat sat\" --out run.safetensors \\",
            "      --capture 'blocks.*.attn.hook_pattern,logits'",
            "  What the model says with one head cut out:",
            "    inspector run --prompt \"The cat sat\" --max-new-tokens 5 \\",
            "      --intervene '{\"hook\":\"blocks.2.attn.hook_z\",\"op\":\"zero\",\"heads\":[1]}'",
            "  A question, in the words that a chat model was trained on:",
            "    inspector run --message \"user=What is a token?\" --max-new-tokens 60",
            "  In INT8, but the first block and the unembedding in FP16:",
            "    inspector run --prompt \"The cat sat\" --engine onnx --precision-plan \\",
            "      '{\"default\":\"int8\",\"overrides\":[",
            "        {\"modules\":\"blocks.0.*\",\"precision\":\"fp16\"},",
            "        {\"modules\":\"unembed\",\"precision\":\"fp16\"}]}'",
            "  What the model says when all its weights are decoded from 3-bit codes:",
            "    inspector run --prompt \"The cat sat\" --max-new-tokens 20 --simulate int3",
            "  The manifest, for another program:",
            "    inspector run --tokens 1,2,3 --capture logits --json | jq .timings",
            "",
            "The text goes to standard output, everything else to standard error.",
            "'inspector hooks' lists the hooks."
        })
final class RunCommand extends ModelCommand {

    @ArgGroup(multiplicity = "1")
    Input input;

    /** The input: a text, ids or a conversation. */
    static final class Input {
        @Option(names = "--prompt", paramLabel = "TEXT", description = "The text; - reads standard input.")
        String prompt;

        @Option(
                names = "--tokens",
                paramLabel = "ID",
                split = ",",
                description = "Token ids instead of a text, such as 1,2,3.")
        List<Integer> tokens;

        @Option(
                names = "--message",
                paramLabel = "ROLE=TEXT",
                description =
                        "A turn of a conversation, such as user=Hello; repeat for more. The model's chat template writes the text, and only the answer is printed (without one, what the template wrote).")
        List<String> messages;
    }

    @Option(names = "--system", paramLabel = "TEXT", description = "What the system says before the first --message.")
    String system;

    @Option(
            names = "--capture",
            paramLabel = "HOOKS",
            split = ",",
            description = "Hooks to keep, names or globs, comma separated; may be repeated. Default: none.")
    List<String> capture;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write the captures as safetensors, tensors named by their hook.")
    Path out;

    @Option(
            names = "--intervene",
            paramLabel = "JSON",
            description = "A change to make while it runs, or a list of them, as JSON or @FILE; may be repeated.")
    List<String> intervene;

    @Mixin
    EngineFlags engine;

    @Option(
            names = "--kv-cache",
            paramLabel = "FORMAT",
            description = "What keys and values are kept in: fp32, fp16, int8; or keys' and values': fp16/int8.")
    String kvCache;

    @Option(names = "--no-special-tokens", description = "Leave out BOS and the like before the prompt.")
    boolean noSpecialTokens;

    @ArgGroup(
            exclusive = false,
            heading = "%nTo continue the text (nothing is generated unless one of these is given):%n")
    GenerateFlags generate;

    @Option(names = "--name", paramLabel = "TEXT", description = "A label to know the run by.")
    String name;

    @Option(names = "--json", description = "Print the run's manifest instead of the text.")
    boolean json;

    @Option(names = "--no-store", description = "Do not keep the run.")
    boolean noStore;

    @Mixin
    QuietOptions manners;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        checkOut();
        RunRequest request = request();
        Path temporary = noStore ? Files.createTempDirectory("llm-inspector-run") : null;
        Progress progress = new Progress(err(), manners.quiet);
        progress.show("opening the model");
        Interrupt interrupt = new Interrupt();
        try (Inspector inspector = temporary == null ? places.open(1) : places.open(1, temporary)) {
            TextPrinter printer = json ? null : new TextPrinter(request, out());
            RunManifest manifest =
                    inspector.runs().run(request, new RunPrinter(progress, printer, interrupt::requested));
            progress.clear();
            if (json) out().println(Json.write(manifest));
            else printer.finish(manifest);
            if (out != null) writeCaptures(inspector, manifest);
            if (!manners.quiet) summary(manifest);
            return interrupt.requested() ? Interrupt.EXIT_CODE : 0;
        } finally {
            progress.clear();
            interrupt.done();
            if (temporary != null) FolderOptions.delete(temporary);
        }
    }

    private void checkOut() {
        if (out == null) return;
        if (capture == null) {
            throw Problem.invalid("there is nothing to write")
                    .where("--out " + out)
                    .instead("name hooks with --capture, such as --capture 'blocks.*.attn.hook_pattern,logits'");
        }
        Path folder = out.toAbsolutePath().getParent();
        if (Files.isDirectory(out) || folder == null || !Files.isDirectory(folder)) {
            throw Problem.notFound("the file cannot be written there")
                    .where("--out " + out)
                    .expected("a file in a folder that exists")
                    .found(Files.isDirectory(out) ? "a folder" : "no folder " + folder);
        }
    }

    private RunRequest request() throws IOException {
        String prompt = "-".equals(input.prompt) ? standardInput() : input.prompt;
        return engine.of(RunRequest.builder().model(places.slug()))
                .kvCache(Arguments.kvCache(kvCache, "--kv-cache"))
                .prompt(prompt)
                .tokens(input.tokens)
                .messages(Arguments.messages(system, input.messages))
                .addSpecialTokens(noSpecialTokens ? Boolean.FALSE : null)
                .capture(capture)
                .interventions(Arguments.interventions(intervene))
                .generate(generate == null ? null : generate.options())
                .name(name)
                .build();
    }

    private static String standardInput() throws IOException {
        InputStream in = System.in;
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    private void writeCaptures(Inspector inspector, RunManifest manifest) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (RunManifest.CaptureEntry c : manifest.captures()) {
            tensors.put(c.hook().name(), inspector.runs().stored().capture(manifest.id(), c.hook()));
        }
        SafetensorsWriter.write(
                out,
                tensors,
                Map.of("run", manifest.id(), "model", manifest.model().slug(), "version", manifest.version()));
    }

    private void summary(RunManifest m) {
        PrintWriter err = err();
        int generated = m.tokens().size() - m.promptLength();
        List<String> parts = new ArrayList<>();
        parts.add((noStore ? "not kept" : "run " + m.id()));
        parts.add(m.model().slug() + ", " + m.engine().precision().name().toLowerCase(Locale.ROOT) + ", "
                + m.engine().device());
        parts.add(
                generated > 0
                        ? m.promptLength() + " + " + generated + " tokens"
                        : Plural.of(m.promptLength(), "token"));
        parts.add(String.format(Locale.ROOT, "%.0f ms", m.timings().totalMs()));
        if (m.timings().decodeTokensPerSecond() != null) {
            parts.add(String.format(Locale.ROOT, "%.1f tokens/s", m.timings().decodeTokensPerSecond()));
        }
        if (m.generation() != null && !"length".equals(m.generation().finishReason())) {
            parts.add("ended by " + m.generation().finishReason());
        }
        if (!m.captures().isEmpty()) {
            long bytes = m.captures().stream()
                    .mapToLong(RunManifest.CaptureEntry::bytes)
                    .sum();
            parts.add(Plural.of(m.captures().size(), "capture") + ", " + ByteCount.of(bytes)
                    + (out == null ? "" : " in " + out));
        }
        err.println(String.join(" · ", parts));
        err.flush();
    }
}
