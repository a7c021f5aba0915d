package org.llminspector.tokenize;

import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.file.TokenizerRules;

/**
 * OpenAI's published vocabularies, for comparison with a model's tokenizer: tiktoken's ranks, run by jtokkit. They
 * belong to no model here, and are loaded on first use. Safe on any thread.
 */
public final class Encodings {

    private static final EncodingRegistry REGISTRY = com.knuddels.jtokkit.Encodings.newLazyEncodingRegistry();

    /** The encodings with a vocabulary of their own; p50k_edit is p50k_base with other control tokens. */
    private static final List<EncodingType> TYPES =
            List.of(EncodingType.CL100K_BASE, EncodingType.O200K_BASE, EncodingType.P50K_BASE, EncodingType.R50K_BASE);

    /** One more than the highest id, and one more than the highest learned id: between them are control tokens. */
    private static final Map<EncodingType, int[]> SIZES = Map.of(
            EncodingType.CL100K_BASE, new int[] {100_277, 100_256},
            EncodingType.O200K_BASE, new int[] {200_019, 199_998},
            EncodingType.P50K_BASE, new int[] {50_281, 50_281},
            EncodingType.R50K_BASE, new int[] {50_257, 50_256});

    /** {@code <|endoftext|>} of p50k_base, an id within the learned ones. */
    private static final int P50K_END = 50_256;

    private static final Map<String, Named> OPEN = new ConcurrentHashMap<>();

    private Encodings() {}

    /** {@code cl100k_base}, {@code o200k_base}, {@code p50k_base}, {@code r50k_base} (GPT-2's). */
    public static List<String> names() {
        return TYPES.stream().map(EncodingType::getName).toList();
    }

    /**
     * Splits a text as tiktoken's {@code encode_ordinary}: {@code <|endoftext|>} in it is text, not a control token.
     *
     * @param text any text; a lone surrogate is read as U+FFFD
     */
    public static List<Token> encode(String name, String text) {
        Named encoding = named(name);
        String whole = Tokenizer.withoutLoneSurrogates(text);
        return encoding.tokens(encoding.ids(whole), new ByteOffsets(whole));
    }

    /** The text of these ids; bytes that form no character become U+FFFD. An id without a token is a Problem. */
    public static String decode(String name, List<Integer> ids) {
        Named encoding = named(name);
        Utf8 utf8 = new Utf8(Utf8.Broken.MARK_SEQUENCE);
        StringBuilder text = new StringBuilder();
        for (int id : ids) text.append(utf8.push(encoding.bytes(id)));
        return text.append(utf8.finish()).toString();
    }

    static Named named(String name) {
        Stream<EncodingType> types = TYPES.stream();
        EncodingType type = types.filter(t -> t.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> Problem.notFound("there is no such encoding")
                        .where("encoding")
                        .expected("one of " + String.join(", ", names()))
                        .found(name));
        return OPEN.computeIfAbsent(name, n -> new Named(REGISTRY.getEncoding(type), SIZES.get(type)));
    }

    /** One loaded encoding. */
    static final class Named {

        private final Encoding encoding;
        private final TokenizerRules rules;
        private final int learnt;
        private final Map<Integer, byte[]> bytes = new ConcurrentHashMap<>();

        private Named(Encoding encoding, int[] sizes) {
            this.encoding = encoding;
            this.learnt = sizes[1];
            this.rules = new TokenizerRules(
                    TokenizerRules.Algorithm.BPE, sizes[0], true, false, List.of(), List.of("Split"));
        }

        String name() {
            return encoding.getName();
        }

        TokenizerRules rules() {
            return rules;
        }

        /** The ids whose bytes were learned, in the order of learning. */
        IntStream learnt() {
            boolean p50k = name().equals(EncodingType.P50K_BASE.getName());
            return IntStream.range(0, learnt).filter(id -> !p50k || id != P50K_END);
        }

        /** @param whole without lone surrogates */
        int[] ids(String whole) {
            return encoding.encodeOrdinary(whole).toArray();
        }

        byte[] bytes(int id) {
            return bytes.computeIfAbsent(id, this::read);
        }

        private byte[] read(int id) {
            try {
                IntArrayList one = new IntArrayList(1);
                one.add(id);
                return encoding.decodeBytes(one);
            } catch (RuntimeException e) {
                throw Problem.invalid("the encoding has no such token")
                        .where("token " + id)
                        .expected("an id of " + encoding.getName())
                        .found(id)
                        .causedBy(e);
            }
        }

        List<Token> tokens(int[] ids, ByteOffsets offsets) {
            List<Token> tokens = new ArrayList<>(ids.length);
            for (int id : ids) {
                byte[] own = bytes(id);
                int start = offsets.start();
                int end = offsets.advance(own.length);
                tokens.add(new Token(id, Utf8.readable(own), Utf8.values(own), start, end, false));
            }
            return tokens;
        }

        /** The vocabulary's entry, whose name here is its bytes. */
        Tokenization.Piece piece(int id) {
            byte[] own = bytes(id);
            String text = Utf8.readable(own);
            return new Tokenization.Piece(id, text, text, Utf8.values(own), Tokenization.Kind.PIECE);
        }

        MergeTrace.Symbol symbol(int id) {
            String text = Utf8.readable(bytes(id));
            return new MergeTrace.Symbol(id, text, text);
        }
    }
}
