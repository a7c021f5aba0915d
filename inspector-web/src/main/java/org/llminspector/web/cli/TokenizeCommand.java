package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.Tokenizations;
import org.llminspector.tokenize.Encodings;
import org.llminspector.tokenize.MergeTrace;
import org.llminspector.tokenize.Tokenization;
import org.llminspector.tokenize.UnigramTrace;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that shows how a model's tokenizer splits a text, next to other tokenizers. */
@Command(
        name = "tokenize",
        customSynopsis = "inspector tokenize TEXT [--model DIR] [--with NAME,...] [--trace] [--json] [OPTION...]",
        description = "Splits a text into tokens: the model's own, and beside it those of other models and encodings.",
        footer = {
            "",
            "Examples:",
            "  inspector tokenize 'Once upon a time' --with cl100k_base,o200k_base",
            "  inspector tokenize 'unbelievable' --trace"
        })
final class TokenizeCommand extends AskCommand {

    @Parameters(index = "0", paramLabel = "TEXT", description = "The text.")
    String text;

    @Option(
            names = "--with",
            paramLabel = "NAME",
            split = ",",
            description = "Further tokenizers: a model's name, or cl100k_base, o200k_base, p50k_base, r50k_base.")
    List<String> with = List.of();

    @Option(
            names = "--chat",
            description = "As a user's message, with what the model's chat template writes around it.")
    boolean chat;

    @Option(names = "--no-special-tokens", description = "Without BOS and the like.")
    boolean plain;

    @Option(
            names = "--trace",
            description = "How the tokens came about: every merge with its rank, or the ways to cut.")
    boolean trace;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        List<Tokenizations.Choice> choices = new ArrayList<>();
        choices.add(new Tokenizations.Choice(slug(inspector), null, chat, !plain, trace));
        for (String name : with) {
            boolean encoding = Encodings.names().contains(name);
            choices.add(new Tokenizations.Choice(encoding ? null : name, encoding ? name : null, false, !plain, trace));
        }
        List<Tokenizations.Split> splits = inspector.analyses().tokenizations().of(text, choices);
        if (json) {
            out.println(Json.write(splits));
            return;
        }
        int characters = text.codePointCount(0, text.length());
        List<List<String>> rows = new ArrayList<>(List.of(List.of("TOKENIZER", "TOKENS", "CHARACTERS EACH", "SPLIT")));
        for (Tokenizations.Split s : splits) {
            int count = s.tokenization().ids().length;
            rows.add(List.of(
                    name(s),
                    String.valueOf(count),
                    count == 0 ? "-" : String.format(Locale.ROOT, "%.2f", (double) characters / count),
                    line(s.tokenization())));
        }
        Lines.table(rows, out);
        if (trace) for (Tokenizations.Split s : splits) trace(s, out);
    }

    private static String name(Tokenizations.Split s) {
        return s.choice().model() == null ? s.choice().encoding() : s.choice().model();
    }

    /** The tokens separated by bars; line breaks are shown as a sign. */
    private static String line(Tokenization t) {
        Map<Integer, Tokenization.Piece> pieces =
                t.pieces().stream().collect(Collectors.toMap(Tokenization.Piece::id, Function.identity()));
        List<String> texts = new ArrayList<>();
        for (int id : t.ids()) texts.add(shown(pieces.get(id).text()));
        return String.join("|", texts);
    }

    private static String shown(String text) {
        return text.replace("\n", "\u21b5").replace("\t", "\u2192").replace("\r", "\u240d");
    }

    private static void trace(Tokenizations.Split s, PrintWriter out) {
        out.println("\n" + name(s));
        if (s.merges() == null && s.words() == null) {
            out.println("  " + s.tokenization().rules().algorithm() + " has neither merges nor ways to choose from");
        }
        if (s.merges() != null) s.merges().forEach(p -> merges(p, out));
        if (s.words() != null) s.words().forEach(w -> ways(w, out));
    }

    private static void merges(MergeTrace.Piece piece, PrintWriter out) {
        out.println("  " + symbols(piece.symbols()));
        for (int i = 0; i < piece.merges().size(); i++) {
            out.println("    rank " + piece.merges().get(i).rank() + "  " + symbols(piece.after(i + 1)));
        }
    }

    private static String symbols(List<MergeTrace.Symbol> symbols) {
        return symbols.stream().map(s -> shown(s.text())).collect(Collectors.joining("|"));
    }

    private static void ways(UnigramTrace.Word word, PrintWriter out) {
        out.println("  " + word.text());
        for (UnigramTrace.Way way : word.ways()) {
            String parts = way.parts().stream().map(p -> p.symbol().piece()).collect(Collectors.joining("|"));
            String score = way.score() == null ? "" : String.format(Locale.ROOT, "%.3f  ", way.score());
            out.println("    " + score + parts);
        }
    }
}
