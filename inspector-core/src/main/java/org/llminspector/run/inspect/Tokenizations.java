package org.llminspector.run.inspect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.MergeTrace;
import org.llminspector.tokenize.Tokenization;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.tokenize.UnigramTrace;
import org.llminspector.tokenize.file.TokenizerRules;

/** Splits one text with several tokenizers. Only a model's tokenizer is opened. Thread-safe. */
public final class Tokenizations {

    /**
     * Choice of one tokenizer.
     *
     * @param model a slug; null for an encoding
     * @param encoding a tiktoken encoding; null for a model
     * @param chat whether the text is formatted as a user message with the chat template
     * @param addSpecialTokens whether the tokenizer adds BOS and the like; not with a chat template, which writes its
     *     own
     * @param trace whether to include the trace: every BPE merge, or each word's Unigram segmentations
     */
    public record Choice(String model, String encoding, boolean chat, boolean addSpecialTokens, boolean trace) {}

    /** Origin of tokens. */
    public enum Source {
        /** The text's own. */
        TEXT,
        /** Text that the chat template adds. */
        TEMPLATE,
        /** Special tokens that the tokenizer adds, such as BOS. */
        TOKENIZER
    }

    /**
     * Consecutive tokens from one source.
     *
     * @param start index of its first token
     * @param end index after its last token
     */
    public record Part(Source source, int start, int end) {}

    /**
     * The text as split by one tokenizer.
     *
     * @param text the chat template's output where one was applied; else null
     * @param parts in order, all tokens
     * @param merges BPE merges; null when not asked for, and for other algorithms
     * @param words Unigram segmentations; null when not asked for, and for other algorithms
     */
    public record Split(
            Choice choice,
            String text,
            Tokenization tokenization,
            List<Part> parts,
            List<MergeTrace.Piece> merges,
            List<UnigramTrace.Word> words) {}

    private final OpenModels models;

    public Tokenizations(OpenModels models) {
        this.models = models;
    }

    /** @throws Problem when a tokenizer is not there, has no chat template, or cannot split or trace the text */
    public List<Split> of(String text, List<Choice> choices) {
        return choices.stream().map(c -> split(text, c)).toList();
    }

    private Split split(String text, Choice c) {
        if ((c.model() == null) == (c.encoding() == null)) {
            throw Problem.invalid("a tokenizer is a model's or an encoding")
                    .where("model, encoding")
                    .expected("one of them")
                    .found(c.model() == null ? "neither" : "both");
        }
        return c.model() == null ? encoded(text, c) : byModel(text, c, models.folder(c.model()));
    }

    private static Split encoded(String text, Choice c) {
        if (c.chat()) {
            throw Problem.unsupported("an encoding has no chat template")
                    .where("chat")
                    .found(c.encoding())
                    .instead("ask a chat model's tokenizer");
        }
        Tokenization tokens = Tokenization.of(c.encoding(), text);
        List<MergeTrace.Piece> merges =
                c.trace() ? MergeTrace.of(c.encoding(), text).pieces() : null;
        return new Split(c, null, tokens, parts(tokens, List.of(new ChatTemplate.Part(text, 0))), merges, null);
    }

    private static Split byModel(String text, Choice c, ModelFolder folder) {
        Tokenizer tokenizer = folder.requireTokenizer();
        List<ChatTemplate.Part> written = c.chat()
                ? folder.requireChatTemplate().parts(List.of(Map.of("role", "user", "content", text)), true)
                : List.of(new ChatTemplate.Part(text, 0));
        StringBuilder whole = new StringBuilder();
        written.forEach(p -> whole.append(p.text()));
        Tokenization tokens = Tokenization.of(tokenizer, whole.toString(), c.addSpecialTokens() && !c.chat());
        List<MergeTrace.Piece> merges = null;
        List<UnigramTrace.Word> words = null;
        if (c.trace() && tokens.rules().algorithm() == TokenizerRules.Algorithm.BPE) {
            merges = MergeTrace.of(tokenizer, whole.toString()).pieces();
        } else if (c.trace() && tokens.rules().algorithm() == TokenizerRules.Algorithm.UNIGRAM) {
            words = UnigramTrace.of(tokenizer, whole.toString()).words();
        }
        return new Split(c, c.chat() ? whole.toString() : null, tokens, parts(tokens, written), merges, words);
    }

    /** A token belongs to the part that contains its first character. */
    private static List<Part> parts(Tokenization tokens, List<ChatTemplate.Part> written) {
        List<Part> parts = new ArrayList<>();
        int at = 0; // index of the part, and its end in characters
        int end = written.isEmpty() ? 0 : written.get(0).text().length();
        int from = 0;
        Source before = null;
        for (int i = 0; i < tokens.ids().length; i++) {
            int start = tokens.starts()[i];
            while (at + 1 < written.size() && start >= end)
                end += written.get(++at).text().length();
            Source source =
                    start < 0 ? Source.TOKENIZER : written.get(at).message() == null ? Source.TEMPLATE : Source.TEXT;
            if (before != null && source != before) {
                parts.add(new Part(before, from, i));
                from = i;
            }
            before = source;
        }
        if (before != null) parts.add(new Part(before, from, tokens.ids().length));
        return parts;
    }
}
