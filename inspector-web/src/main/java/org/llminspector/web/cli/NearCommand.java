package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.embeddings.Embeddings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that lists the rows of the embedding table nearest to a token's row, or to a sum of rows. */
@Command(
        name = "near",
        customSynopsis =
                "inspector near TOKEN... [--minus TOKEN]... [--dot] [--unembed] [--top N] [--json] [OPTION...]",
        description = "Lists the tokens whose embeddings lie nearest to a token's, or to a + b - c.",
        footer = {
            "",
            "A TOKEN is an id, or a text of one token; a word usually has its space: ' king'.",
            "",
            "Examples:",
            "  inspector near ' dog'",
            "  inspector near ' king' ' woman' --minus ' man'"
        })
final class NearCommand extends AskCommand {

    @Parameters(arity = "1..*", paramLabel = "TOKEN", description = "Tokens whose rows are added.")
    List<String> plus;

    @Option(names = "--minus", paramLabel = "TOKEN", description = "A token whose row is taken away; repeatable.")
    List<String> minus = List.of();

    @Option(names = "--dot", description = "By the product of two rows instead of their cosine.")
    boolean dot;

    @Option(names = "--unembed", description = "In the unembedding's table instead of the embedding's.")
    boolean unembed;

    @Option(names = "--top", paramLabel = "N", defaultValue = "12", description = "Rows to list. Default: 12.")
    int top;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/embeddings/neighbours answers.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        String slug = slug(inspector);
        Embeddings.Neighbours near = inspector
                .analyses()
                .embeddings()
                .neighbours(
                        slug,
                        unembed ? Embeddings.Table.UNEMBED : Embeddings.Table.EMBED,
                        new Embeddings.Of(
                                Arguments.ids(inspector, slug, plus), Arguments.ids(inspector, slug, minus), null),
                        dot ? Embeddings.Metric.DOT : Embeddings.Metric.COSINE,
                        top);
        if (json) {
            out.println(Json.write(near));
            return;
        }
        List<List<String>> rows = new ArrayList<>(List.of(List.of(dot ? "PRODUCT" : "COSINE", "ID", "TOKEN")));
        for (Embeddings.Neighbour n : near.neighbours()) {
            rows.add(List.of(
                    String.format(Locale.ROOT, "%.4f", n.score()), String.valueOf(n.id()), Lines.token(n.text())));
        }
        Lines.table(rows, out);
    }
}
