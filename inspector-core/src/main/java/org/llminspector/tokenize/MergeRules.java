package org.llminspector.tokenize;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.file.TokenizerFile;

/**
 * The merges of a BPE tokenizer.json: result and rank of each pair of neighbours.
 *
 * @param rules by {@link #key}: the ids of both neighbours
 * @param ignoreMerges whether a piece that is in the vocabulary as a whole is taken unmerged, as in Llama 3
 * @param unk the unknown token, or null
 */
record MergeRules(Map<Long, Rule> rules, boolean ignoreMerges, Integer unk) implements Merger.Pairs {

    /**
     * @param rank its line in the list of merges: the lowest is applied first
     * @param result id of the joined token
     */
    record Rule(int rank, int result) {}

    static long key(int left, int right) {
        return ((long) left << 32) | (right & 0xFFFFFFFFL);
    }

    @Override
    public Rule of(int left, int right) {
        return rules.get(key(left, right));
    }

    /** Reads the file's model; a Problem for other algorithms than BPE. */
    static MergeRules read(Path file, byte[] json, Function<String, Integer> idOf) {
        Model model = new Model();
        try (JsonParser p = Json.mapper().createParser(json)) {
            p.nextToken();
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                boolean found = p.currentName().equals("model");
                p.nextToken();
                if (found && p.isExpectedStartObjectToken()) model.read(p);
                else p.skipChildren();
            }
        } catch (IOException e) {
            throw TokenizerFile.damaged(file, e.getMessage()).causedBy(e);
        }
        if (!model.isBpe()) throw noMerges(file, model.type);
        if (model.dropout > 0) {
            throw Problem.unsupported("the merges of this tokenizer are random")
                    .where(file + ", model.dropout")
                    .expected("null or 0")
                    .found(model.dropout);
        }
        return new MergeRules(
                model.rules(file, idOf), model.ignoreMerges, model.unk == null ? null : idOf.apply(model.unk));
    }

    private static Problem noMerges(Path file, String type) {
        String why =
                switch (type) {
                    case "Unigram" -> "Unigram has no merges: it compares whole splits and takes the likeliest";
                    case "WordPiece" -> "WordPiece has no merges: it takes the longest piece that fits, from the left";
                    case "WordLevel" -> "WordLevel has no merges: each word is one token, or unknown";
                    default -> "only BPE has merges";
                };
        return Problem.unsupported("this tokenizer does not merge")
                .where(file + ", model.type")
                .expected("BPE")
                .found(type.isEmpty() ? "no type and no merges" : type)
                .instead(why);
    }

    /** The file's values, before names become ids. */
    private static final class Model {
        private String type = "";
        private String unk;
        private String prefix = "";
        private double dropout;
        private boolean ignoreMerges;
        private List<String> lefts;
        private final List<String> rights = new ArrayList<>();

        /** Files of 2020 have no type. */
        boolean isBpe() {
            return type.equals("BPE") || (type.isEmpty() && lefts != null);
        }

        void read(JsonParser p) throws IOException {
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                String field = p.currentName();
                p.nextToken();
                switch (field) {
                    case "type" -> type = p.getValueAsString("");
                    case "unk_token" -> unk = p.getValueAsString();
                    case "continuing_subword_prefix" -> prefix = p.getValueAsString("");
                    case "dropout" -> dropout = p.getValueAsDouble(0);
                    case "ignore_merges" -> ignoreMerges = p.getValueAsBoolean(false);
                    case "merges" -> merges(p);
                    default -> p.skipChildren();
                }
            }
        }

        /** Each merge is "a b" or ["a", "b"]. */
        private void merges(JsonParser p) throws IOException {
            lefts = new ArrayList<>();
            if (!p.isExpectedStartArrayToken()) return;
            while (p.nextToken() != JsonToken.END_ARRAY) {
                if (p.isExpectedStartArrayToken()) {
                    pair(p.nextTextValue(), p.nextTextValue());
                    if (p.nextToken() != JsonToken.END_ARRAY) throw new IOException("a merge of more than two");
                } else {
                    String line = p.getValueAsString("");
                    int space = line.indexOf(' ');
                    if (line.startsWith("#version")) continue;
                    pair(space < 0 ? null : line.substring(0, space), line.substring(space + 1));
                }
            }
        }

        private void pair(String left, String right) throws IOException {
            if (left == null || right == null) throw new IOException("a merge that is not of two pieces");
            lefts.add(left);
            rights.add(right);
        }

        Map<Long, Rule> rules(Path file, Function<String, Integer> idOf) {
            int size = lefts == null ? 0 : lefts.size();
            Map<Long, Rule> rules = new HashMap<>(size * 2);
            for (int rank = 0; rank < size; rank++) {
                String right = rights.get(rank);
                Integer a = idOf.apply(lefts.get(rank));
                Integer b = idOf.apply(right);
                Integer joined =
                        idOf.apply(lefts.get(rank) + right.substring(Math.min(prefix.length(), right.length())));
                if (a == null || b == null || joined == null) {
                    throw TokenizerFile.damaged(
                            file,
                            "merge " + rank + " of \"" + lefts.get(rank) + "\" and \"" + right
                                    + "\", which are not in the vocabulary");
                }
                rules.put(key(a, b), new Rule(rank, joined));
            }
            return rules;
        }
    }
}
