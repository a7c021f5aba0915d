package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.tales.corpus.TaleStats;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.tales.corpus.TalesTokenizer;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Corpus.Split;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Command that shows and measures the corpus of the embedded model, and makes its tokenizer. */
@Command(
        name = "tales",
        customSynopsis =
                "inspector tales [--seed N] [--from I] [--count N] [--held-out] [--chat | --stats | --tokenizer-to DIR]",
        description =
                "Tells stories of the project's own corpus: each is a function of the seed, the split and its index.",
        footer = {
            "",
            "Examples:",
            "  inspector tales --count 3",
            "  inspector tales --chat --count 5          what the assistant learns from",
            "  inspector tales --tokenizer-to mine          learns the tokenizer",
            "  inspector tales --stats --count 100000 --tokenizer mine"
        })
final class TalesCommand implements Callable<Integer> {

    @Spec
    CommandSpec spec;

    @Option(names = "--seed", paramLabel = "N", description = "Default: ${DEFAULT-VALUE}, the embedded model's.")
    long seed = 1;

    @Option(names = "--from", paramLabel = "I", description = "The first story's index. Default: ${DEFAULT-VALUE}.")
    long from = 0;

    @Option(names = "--count", paramLabel = "N", description = "How many. Default: 1; 10000 for --stats.")
    Long count;

    @Option(names = "--held-out", description = "The split that nothing is trained on.")
    boolean heldOut;

    @Option(names = "--chat", description = "Conversations about stories instead.")
    boolean chat;

    @Option(names = "--stats", description = "Measure the training split: length, information, distinct n-grams.")
    boolean stats;

    @Option(names = "--told", paramLabel = "N", description = "With --stats: how many stories to compare as wholes.")
    long told;

    @Option(
            names = "--tokenizer",
            paramLabel = "DIR",
            description = "With --stats: count the tokens of this tokenizer.")
    Path tokenizer;

    @Option(names = "--tokenizer-to", paramLabel = "DIR", description = "Learn the tokenizer and write it there.")
    Path tokenizerTo;

    @Option(names = "--json", description = "With --stats: print JSON.")
    boolean json;

    @Mixin
    Help help;

    @Override
    public Integer call() {
        Lines.warningsOnly();
        PrintWriter out = spec.commandLine().getOut();
        if (count != null && count < 1) {
            throw Problem.invalid("there is nothing to tell")
                    .where("--count")
                    .expected("1 or more")
                    .found(count);
        }
        if (from < 0)
            throw Problem.invalid("no story has this index")
                    .where("--from")
                    .expected("0 or more")
                    .found(from);
        if (tokenizerTo != null) {
            TalesTokenizer.write(seed, tokenizerTo);
            out.println(tokenizerTo.resolve("tokenizer.json"));
        } else if (stats) {
            measure(out);
        } else {
            print(out);
        }
        out.flush();
        return 0;
    }

    private void print(PrintWriter out) {
        Split split = heldOut ? Split.HELD_OUT : Split.TRAIN;
        long n = count == null ? 1 : count;
        for (long i = from; i < from + n; i++) {
            if (i > from) out.println("\n-----\n");
            if (chat) {
                out.println(new TalesChat(seed)
                        .conversation(split, i).stream()
                                .map(x -> "USER: " + x.user() + "\n\nASSISTANT: " + x.assistant())
                                .collect(Collectors.joining("\n\n")));
            } else {
                out.println(new Tales(seed).document(split, i));
            }
        }
    }

    private void measure(PrintWriter out) {
        TaleStats s;
        try (Tokenizer counted = tokenizer == null ? null : open(tokenizer)) {
            s = TaleStats.of(new Tales(seed), count == null ? 10_000 : count, told, counted);
        }
        if (json) {
            out.println(Json.write(s));
            return;
        }
        out.printf(Locale.ROOT, "stories            %,d%n", s.stories());
        out.printf(Locale.ROOT, "words per story    %.1f%n", s.wordsPerStory());
        if (s.tokensPerStory() != null) out.printf(Locale.ROOT, "tokens per story   %.1f%n", s.tokensPerStory());
        out.printf(Locale.ROOT, "choices per story  %.1f bits%n", s.bitsPerStory());
        if (s.lossBound() != null) {
            out.printf(Locale.ROOT, "choices per token  %.4f nats: the best loss is at most that%n", s.lossBound());
        }
        out.printf(Locale.ROOT, "different          %,d of %,d stories%n%n", s.distinctStories(), s.told());
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("N", "DISTINCT", "ALL"));
        for (TaleStats.Ngrams n : s.ngrams()) {
            rows.add(List.of(
                    String.valueOf(n.n()),
                    String.format(Locale.ROOT, "%,d", n.distinct()),
                    String.format(Locale.ROOT, "%,d", n.all())));
        }
        Lines.table(rows, out);
    }

    private static Tokenizer open(Path folder) {
        return Tokenizer.open(folder).orElseThrow(() -> Problem.notFound("the folder has no tokenizer.json")
                .where(folder));
    }
}
