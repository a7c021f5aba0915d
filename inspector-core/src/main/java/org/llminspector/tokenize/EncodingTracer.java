package org.llminspector.tokenize;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.tokenize.MergeTrace.Kind;
import org.llminspector.tokenize.MergeTrace.Merge;
import org.llminspector.tokenize.MergeTrace.Piece;

/**
 * Tracer of a tiktoken encoding's merges. Its file lists byte strings in the order in which they were learned, so a
 * merge's rank is the id of its result; a word in the list is taken as a whole.
 *
 * <p>Words are split by the encoding's published regular expression; the result is compared with {@link
 * Encodings#encode}.
 */
final class EncodingTracer {

    private static final int FLAGS = Pattern.UNICODE_CHARACTER_CLASS;

    private static final Map<String, Pattern> WORDS = Map.of(
            "cl100k_base",
            Pattern.compile(PreTokenizer.LLAMA3, FLAGS),
            "o200k_base",
            Pattern.compile(PreTokenizer.GPT4O, FLAGS),
            "p50k_base",
            BpeTrainer.WORD,
            "r50k_base",
            BpeTrainer.WORD);

    private static final Map<String, EncodingTracer> MADE = new ConcurrentHashMap<>();

    private final Encodings.Named encoding;
    /** The ids of byte strings, each byte a character. */
    private final Map<String, Integer> ids = new HashMap<>();

    private EncodingTracer(Encodings.Named encoding) {
        this.encoding = encoding;
        encoding.learnt().forEach(id -> ids.put(latin(id), id));
    }

    static MergeTrace trace(Encodings.Named encoding, String text) {
        if (text.length() > MergeTrace.MAX_CHARACTERS) throw MergeTrace.tooLong(text);
        return MADE.computeIfAbsent(encoding.name(), name -> new EncodingTracer(encoding))
                .trace(Tokenizer.withoutLoneSurrogates(text));
    }

    private MergeTrace trace(String text) {
        List<Piece> pieces = new ArrayList<>();
        ByteOffsets offsets = new ByteOffsets(text);
        Matcher words = WORDS.get(encoding.name()).matcher(text);
        int at = 0;
        while (words.find()) {
            if (words.start() != at) throw MergeTracer.differs(text);
            pieces.add(piece(words.group(), at, words.end(), offsets));
            at = words.end();
        }
        MergeTrace trace = new MergeTrace(pieces);
        if (!trace.tokens().equals(Encodings.encode(encoding.name(), text))) throw MergeTracer.differs(text);
        return trace;
    }

    private Piece piece(String word, int start, int end, ByteOffsets offsets) {
        byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
        int[] symbols = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) symbols[i] = ids.get(String.valueOf((char) (bytes[i] & 0xFF)));
        List<Merge> merges = new ArrayList<>();
        int[] merged = Merger.merge(
                this::pair,
                symbols,
                (at, left, right, rule) -> merges.add(new Merge(
                        at,
                        rule.rank(),
                        encoding.symbol(left),
                        encoding.symbol(right),
                        encoding.symbol(rule.result()))));
        Integer whole = ids.get(new String(bytes, StandardCharsets.ISO_8859_1));
        boolean learnt = whole == null || (merged.length == 1 && merged[0] == whole);
        if (!learnt) {
            merged = new int[] {whole};
            merges.clear();
        }
        List<MergeTrace.Symbol> from = new ArrayList<>();
        for (int s : symbols) from.add(encoding.symbol(s));
        return new Piece(
                word, start, end, learnt ? Kind.MERGED : Kind.WHOLE, from, merges, encoding.tokens(merged, offsets));
    }

    private MergeRules.Rule pair(int left, int right) {
        Integer joined = ids.get(latin(left) + latin(right));
        return joined == null ? null : new MergeRules.Rule(joined, joined);
    }

    private String latin(int id) {
        return new String(encoding.bytes(id), StandardCharsets.ISO_8859_1);
    }
}
