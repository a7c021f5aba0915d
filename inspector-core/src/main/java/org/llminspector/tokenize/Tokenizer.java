package org.llminspector.tokenize;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.djl.Djl;
import org.llminspector.tokenize.file.Layout;
import org.llminspector.tokenize.file.TokenizerFile;
import org.llminspector.tokenize.file.TokenizerRules;

/**
 * A model's tokenizer, from tokenizer.json or a GGUF file, run by Hugging Face's own tokenizers library: no truncation,
 * no padding, no network. Safe on any thread.
 */
public final class Tokenizer implements AutoCloseable {

    /** Limit of tokenizer.json, bytes. */
    public static final long MAX_BYTES = TokenizerFile.MAX_BYTES;

    static {
        Djl.prepare();
    }

    private static final Cleaner CLEANER = Cleaner.create();

    private final HuggingFaceTokenizer library;
    private final Natives natives = new Natives();
    private final String[] pieces;
    private final BitSet special;
    private final Layout layout;
    private final ControlIds control;
    private final TokenizerRules rules;
    private final double[] scores;
    private final int unk;
    private Map<String, Integer> idsOfPieces; // created on first use
    /** Read lock for uses, write lock for close: a native tokenizer freed while in use ends the process. */
    private final ReadWriteLock open = new ReentrantReadWriteLock();

    private final TokenizerFile.Source source;
    private final BitSet added;
    /** Created when merges are first requested. */
    private TokenizerWithoutMerges unmerged;

    private boolean closed;

    /** The native objects of a tokenizer; freed when it is closed or unreachable. */
    private static final class Natives implements Runnable {
        private final List<AutoCloseable> all = new ArrayList<>();

        synchronized void add(AutoCloseable one) {
            all.add(one);
        }

        @Override
        public synchronized void run() {
            for (AutoCloseable one : all) {
                try {
                    one.close();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }
            all.clear();
        }
    }

    private Tokenizer(HuggingFaceTokenizer library, TokenizerFile file, ControlIds control) {
        this.library = library;
        natives.add(library);
        CLEANER.register(this, natives);
        this.source = file.source();
        this.added = file.added();
        this.pieces = file.pieces();
        this.special = file.special();
        this.layout = file.layout();
        this.rules = file.rules();
        this.scores = file.scores();
        this.unk = file.unkId();
        this.control = control;
    }

    /** Opens the folder's tokenizer.json; empty when there is none, a Problem when it is damaged. */
    public static Optional<Tokenizer> open(Path modelDir) {
        return open(modelDir, false);
    }

    /** @param trusted accepts regular expressions not proven to take linear time */
    public static Optional<Tokenizer> open(Path modelDir, boolean trusted) {
        Path path = modelDir.resolve("tokenizer.json");
        if (!Files.exists(path)) return Optional.empty();
        TokenizerFile file = TokenizerFile.read(path, trusted);
        return Optional.of(open(path, file, ControlIds.read(modelDir, file::id)));
    }

    /**
     * Opens a checkpoint's tokenizer: a GGUF file's own, or else the tokenizer.json next to the weights.
     *
     * @param trusted accepts regular expressions not proven to take linear time
     */
    public static Optional<Tokenizer> open(Checkpoint checkpoint, boolean trusted) {
        GgufFile gguf = checkpoint.gguf().orElse(null);
        GgufTokenizer inside = gguf == null ? null : GgufTokenizer.of(gguf.metadata());
        if (inside == null) return open(checkpoint.dir(), trusted);
        TokenizerFile file = TokenizerFile.parse(new TokenizerFile.Source(gguf.path(), trusted, inside::json));
        return Optional.of(open(gguf.path(), file, inside.control()));
    }

    private static Tokenizer open(Path path, TokenizerFile file, ControlIds control) {
        try {
            HuggingFaceTokenizer library =
                    HuggingFaceTokenizer.newInstance(file.json(), Map.of("truncation", "false", "padding", "false"));
            return new Tokenizer(library, file, control);
        } catch (IOException | RuntimeException e) {
            throw TokenizerFile.damaged(path, e.getMessage()).causedBy(e);
        }
    }

    /** Whether {@link #open(Checkpoint, boolean)} would find one, without opening it. */
    public static boolean isIn(Checkpoint checkpoint) {
        return isInside(checkpoint) || Files.isRegularFile(checkpoint.dir().resolve("tokenizer.json"));
    }

    /** Whether it is in a GGUF file. */
    public static boolean isInside(Checkpoint checkpoint) {
        return checkpoint.gguf().map(g -> GgufTokenizer.isIn(g.metadata())).orElse(false);
    }

    /** The eos ids in config.json and generation_config.json, for a model without a tokenizer. */
    public static List<Integer> eosIds(Checkpoint checkpoint) {
        return checkpoint.gguf().isPresent()
                ? ControlIds.ids(checkpoint.config(), "eos_token_id", checkpoint.configFile())
                : eosIds(checkpoint.dir());
    }

    static List<Integer> eosIds(Path modelDir) {
        return ControlIds.read(modelDir, piece -> null).eos();
    }

    /**
     * Splits a text. Text that spells a control token ({@code <s>}) becomes that token, as in Hugging Face.
     *
     * @param text any text; a lone surrogate is read as U+FFFD
     * @param addSpecialTokens whether the tokenizer adds its model's special tokens around the text, such as BOS
     */
    public List<Token> encode(String text, boolean addSpecialTokens) {
        String whole = withoutLoneSurrogates(text);
        return tokens(whole, encoded(whole, addSpecialTokens));
    }

    List<Token> tokens(String whole, Encoding encoding) {
        int[] utf16 = utf16OfCodePoint(whole);
        long[] ids = encoding.getIds();
        CharSpan[] spans = encoding.getCharTokenSpans();
        List<Token> tokens = new ArrayList<>(ids.length);
        for (int i = 0; i < ids.length; i++) {
            Token t = token((int) ids[i]);
            CharSpan span = spans[i];
            tokens.add(
                    span == null
                            ? t
                            : new Token(
                                    t.id(),
                                    t.text(),
                                    t.bytes(),
                                    utf16[span.getStart()],
                                    utf16[span.getEnd()],
                                    t.special()));
        }
        return tokens;
    }

    /** One token on its own, without offsets. */
    public Token token(int id) {
        check(id);
        byte[] bytes = bytes(id);
        return new Token(id, Utf8.readable(bytes), Utf8.values(bytes), null, null, isSpecial(id));
    }

    /** The text of these ids as Hugging Face decodes it: a SentencePiece text loses its first space. */
    public String decode(List<Integer> ids, boolean skipSpecialTokens) {
        long[] longs = new long[ids.size()];
        for (int i = 0; i < longs.length; i++) {
            check(ids.get(i));
            longs[i] = ids.get(i);
        }
        return use(() -> library.decode(longs, skipSpecialTokens));
    }

    /**
     * Incremental decoder: takes ids one at a time and returns text only in whole characters, without special tokens.
     *
     * <p>The concatenated output is the decoded prompt and continuation without the decoded prompt. Where they differ
     * the stream is right: Hugging Face's byte fallback turns every byte of a run into U+FFFD when one is broken,
     * including characters that were whole before.
     *
     * @param prompt the preceding ids; an incomplete character at its end is completed by the first new ids
     */
    public TextStream stream(List<Integer> prompt) {
        return layout.exact() ? new ByteStream(this, layout, prompt) : new WindowStream(this, prompt);
    }

    /** One more than the highest id; a model's own vocabulary may be padded beyond it. */
    public int vocabSize() {
        return pieces.length;
    }

    /** Whether this id has a token. */
    public boolean has(int id) {
        return id >= 0 && id < pieces.length && pieces[id] != null;
    }

    /** From tokenizer_config.json, generation_config.json or config.json, or null. */
    public Integer bosId() {
        return control.bos();
    }

    /** From generation_config.json or else config.json, and from tokenizer_config.json; ascending, may be empty. */
    public List<Integer> eosIds() {
        return control.eos();
    }

    @Override
    public void close() {
        open.writeLock().lock();
        try {
            natives.run();
            closed = true;
        } finally {
            open.writeLock().unlock();
        }
    }

    boolean isSpecial(int id) {
        return special.get(id);
    }

    /** A special token's bytes are those of its name. */
    byte[] bytes(int id) {
        return isSpecial(id) ? pieces[id].getBytes(StandardCharsets.UTF_8) : layout.bytes(pieces[id]);
    }

    /** Whether the file lists it among its added tokens, special or not. */
    boolean isAdded(int id) {
        return added.get(id);
    }

    MergeTrace.Symbol symbol(int id) {
        check(id);
        return new MergeTrace.Symbol(id, pieces[id], Utf8.readable(bytes(id)));
    }

    /** The tokenizer's rules, as in its file. */
    public TokenizerRules rules() {
        return rules;
    }

    /** One entry of the vocabulary. */
    Tokenization.Piece piece(int id) {
        check(id);
        byte[] bytes = bytes(id);
        Tokenization.Kind kind = id == unk
                ? Tokenization.Kind.UNKNOWN
                : isSpecial(id)
                        ? Tokenization.Kind.CONTROL
                        : layout.isByte(pieces[id]) ? Tokenization.Kind.BYTE : Tokenization.Kind.PIECE;
        return new Tokenization.Piece(id, pieces[id], Utf8.readable(bytes), Utf8.values(bytes), kind);
    }

    /** The pieces' log probabilities by id; a tokenizer that is not Unigram is a Problem. */
    double[] scores() {
        if (rules.algorithm() == TokenizerRules.Algorithm.UNIGRAM) return scores;
        throw Problem.unsupported("this tokenizer's pieces have no probabilities")
                .where(source.path() + ", model.type")
                .expected("Unigram")
                .found(rules.algorithm());
    }

    /** The id of a piece by its name in the vocabulary, or null. */
    synchronized Integer idOfPiece(String piece) {
        if (idsOfPieces == null) {
            Map<String, Integer> ids = new HashMap<>();
            for (int id = 0; id < pieces.length; id++) if (pieces[id] != null) ids.put(pieces[id], id);
            idsOfPieces = ids;
        }
        return idsOfPieces.get(piece);
    }

    MergeRules mergeRules() {
        return use(() -> unmerged().rules());
    }

    /** The text's symbols before merging: one per character or byte. */
    Encoding encodeUnmerged(String text) {
        return use(() -> encoded(unmerged().library(), text, false));
    }

    private synchronized TokenizerWithoutMerges unmerged() {
        if (unmerged == null) {
            unmerged = TokenizerWithoutMerges.open(source);
            natives.add(unmerged);
        }
        return unmerged;
    }

    Encoding encoded(String text, boolean addSpecialTokens) {
        return use(() -> encoded(library, text, addSpecialTokens));
    }

    private static Encoding encoded(HuggingFaceTokenizer library, String text, boolean addSpecialTokens) {
        try {
            return library.encode(text, addSpecialTokens, false);
        } catch (RuntimeException e) {
            throw Problem.invalid("the tokenizer cannot split this text")
                    .where("text of " + text.length() + " characters")
                    .expected("a text that its vocabulary can write")
                    .found(e.getMessage())
                    .causedBy(e);
        }
    }

    private void check(int id) {
        if (has(id)) return;
        throw Problem.invalid("the token is outside the tokenizer's vocabulary")
                .where("token " + id)
                .expected("0 to " + (pieces.length - 1))
                .found(id);
    }

    private <T> T use(Supplier<T> call) {
        open.readLock().lock();
        try {
            if (closed) throw new IllegalStateException("the tokenizer is closed");
            return call.get();
        } finally {
            open.readLock().unlock();
            Reference.reachabilityFence(this); // a native tokenizer freed while in use ends the process
        }
    }

    static String withoutLoneSurrogates(String text) {
        StringBuilder fixed = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) continue;
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            if (fixed == null) fixed = new StringBuilder(text);
            fixed.setCharAt(i, '\uFFFD');
        }
        return fixed == null ? text : fixed.toString();
    }

    /** UTF-16 index of each code point, in which Hugging Face counts: [code points + 1]. */
    static int[] utf16OfCodePoint(String text) {
        int[] index = new int[text.codePointCount(0, text.length()) + 1];
        for (int i = 0, at = 0; i < index.length; i++) {
            index[i] = at;
            if (at < text.length()) at += Character.charCount(text.codePointAt(at));
        }
        return index;
    }

    /** Incremental decoder that retains the bytes of an unfinished character. */
    public interface TextStream {
        /** The characters completed by this token; empty for special tokens and ids without a token. */
        String push(int id);

        /** The rest at the end; a broken character becomes U+FFFD. */
        String finish();
    }
}
