package org.llminspector.tokenize;

import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.base.Problem;

/**
 * Encodings are OpenAI's published vocabularies, to compare a model's tokenizer with: tiktoken's ranks, run by jtokkit.
 * They belong to no model here, and are loaded when first used. Safe on any thread.
 */
public final class Encodings {

    private static final EncodingRegistry REGISTRY = com.knuddels.jtokkit.Encodings.newLazyEncodingRegistry();

    /** Those that name a vocabulary of its own; p50k_edit is p50k_base with other control tokens. */
    private static final List<EncodingType> TYPES =
            List.of(EncodingType.CL100K_BASE, EncodingType.O200K_BASE, EncodingType.P50K_BASE, EncodingType.R50K_BASE);

    private Encodings() {}

    /** {@code cl100k_base}, {@code o200k_base}, {@code p50k_base}, {@code r50k_base} (GPT-2's). */
    public static List<String> names() {
        return TYPES.stream().map(EncodingType::getName).toList();
    }

    /**
     * Splits a text as tiktoken's {@code encode_ordinary}: {@code <|endoftext|>} in it is text, not a control token.
     *
     * @param text any text; half a surrogate pair is read as U+FFFD
     */
    public static List<Token> encode(String name, String text) {
        Encoding encoding = named(name);
        String whole = Tokenizer.withoutLoneSurrogates(text);
        ByteOffsets offsets = new ByteOffsets(whole);
        List<Token> tokens = new ArrayList<>();
        for (int id : encoding.encodeOrdinary(whole).toArray()) {
            byte[] bytes = bytes(encoding, id);
            int start = offsets.start();
            int end = offsets.advance(bytes.length);
            tokens.add(new Token(id, Utf8.readable(bytes), Utf8.values(bytes), start, end, false));
        }
        return tokens;
    }

    /** The text of these ids; bytes that form no character come out as U+FFFD. An id without a token is a Problem. */
    public static String decode(String name, List<Integer> ids) {
        Encoding encoding = named(name);
        Utf8 utf8 = new Utf8(Utf8.Broken.MARK_SEQUENCE);
        StringBuilder text = new StringBuilder();
        for (int id : ids) text.append(utf8.push(bytes(encoding, id)));
        return text.append(utf8.finish()).toString();
    }

    private static byte[] bytes(Encoding encoding, int id) {
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

    private static Encoding named(String name) {
        Stream<EncodingType> types = TYPES.stream();
        return REGISTRY.getEncoding(
                types.filter(t -> t.getName().equals(name)).findFirst().orElseThrow(() -> Problem.notFound(
                                "there is no such encoding")
                        .where("encoding")
                        .expected("one of " + String.join(", ", names()))
                        .found(name)));
    }
}
