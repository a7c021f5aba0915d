package org.llminspector.tokenize;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.gguf.GgufMetadata;

/**
 * Converter of a GGUF file's tokenizer to the equivalent Hugging Face tokenizer.json: byte-level BPE ({@code
 * tokenizer.ggml.model} gpt2) and SentencePiece BPE (llama).
 */
final class GgufTokenizer {

    private static final String PREFIX = "tokenizer.ggml.";
    private static final String SPACE = "\u2581";

    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int BYTE = 6;

    /** End-of-message tokens, by llama.cpp's list: a chat model's file often names only one of them. */
    private static final Set<String> ENDS = Set.of(
            "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>");

    private final GgufMetadata m;
    private final boolean spm;
    private final boolean gemma;
    private final String[] tokens;
    private final long[] types;
    /** Ids by spelling; a second token of the same spelling can never be produced. */
    private final Map<String, Integer> ids = new LinkedHashMap<>();

    private GgufTokenizer(GgufMetadata m, String model) {
        this.m = m;
        this.spm = model.equals("llama");
        String architecture = m.text("general.architecture", "");
        this.gemma = spm && architecture.startsWith("gemma");
        this.tokens = m.texts(PREFIX + "tokens").toArray(String[]::new);
        this.types = m.has(PREFIX + "token_type") ? m.wholes(PREFIX + "token_type") : new long[tokens.length];
        if (tokens.length == 0) throw m.wrong(PREFIX + "tokens", "a list of strings");
        if (types.length != tokens.length)
            throw m.wrong(PREFIX + "token_type", tokens.length + " types, one per token");
        for (int id = 0; id < tokens.length; id++) {
            // Gemma's runs of spaces are spaces in the file, and ▁ in the vocabulary. USER_DEFINED ones stay spaces:
            // they are split off the text, the longest first, before any merge, as in llama.cpp.
            boolean spaces = !tokens[id].isEmpty() && tokens[id].chars().allMatch(c -> c == ' ');
            if (gemma && spaces && types[id] != USER_DEFINED) {
                tokens[id] = SPACE.repeat(tokens[id].length());
                types[id] = 1;
            }
            ids.putIfAbsent(tokens[id], id);
        }
    }

    /** The tokenizer of these metadata, or null when they have none. */
    static GgufTokenizer of(GgufMetadata m) {
        if (!isIn(m)) return null;
        String model = m.text(PREFIX + "model", "none");
        if (model.equals("llama") || model.equals("gpt2")) return new GgufTokenizer(m, model);
        throw Problem.unsupported("this kind of tokenizer is not supported")
                .where(m.at(PREFIX + "model"))
                .expected("llama (SentencePiece BPE) or gpt2 (byte-level BPE)")
                .found(Problem.shown(model))
                .instead("take the model's safetensors version, which has a tokenizer.json");
    }

    static boolean isIn(GgufMetadata m) {
        return !Set.of("none", "no_vocab").contains(m.text(PREFIX + "model", "none"));
    }

    /** {@code bos_token} and the like, by their names in chat templates. */
    static Map<String, String> specialTokens(GgufMetadata m) {
        List<String> tokens = m.texts(PREFIX + "tokens");
        Map<String, String> found = new LinkedHashMap<>();
        Map.of("bos", "bos", "eos", "eos", "unknown", "unk", "padding", "pad").forEach((gguf, name) -> {
            String key = PREFIX + gguf + "_token_id";
            if (m.has(key) && m.size(key) < tokens.size()) found.put(name + "_token", tokens.get(m.size(key)));
        });
        return found;
    }

    /** BOS, and all tokens that end a text or a message. */
    ControlIds control() {
        TreeSet<Integer> eos = new TreeSet<>();
        for (String key : List.of("eos_token_id", "eot_token_id", "eom_token_id")) {
            Integer id = id(key);
            if (id != null) eos.add(id);
        }
        for (String end : ENDS) {
            Integer id = ids.get(end);
            if (id != null && (types[id] == CONTROL || types[id] == USER_DEFINED)) eos.add(id);
        }
        return new ControlIds(id("bos_token_id"), List.copyOf(eos));
    }

    /** The id under this key, or null when it is absent or "none". */
    private Integer id(String key) {
        if (!(m.value(PREFIX + key) instanceof Long id)) return null;
        return id >= 0 && id < tokens.length ? (Integer) (int) (long) id : null;
    }

    byte[] json() {
        PreTokenizer pre = spm ? null : preTokenizer();
        ByteArrayOutputStream out = new ByteArrayOutputStream(1 << 20);
        try (JsonGenerator j = Json.mapper().createGenerator(out)) {
            j.writeStartObject();
            j.writeStringField("version", "1.0");
            addedTokens(j);
            j.writeFieldName("normalizer");
            j.writePOJO(normalizer(pre));
            j.writeFieldName("pre_tokenizer");
            j.writePOJO(spm ? null : Map.of("type", "Sequence", "pretokenizers", pre.steps()));
            j.writeFieldName("post_processor");
            j.writePOJO(postProcessor(pre));
            j.writeFieldName("decoder");
            j.writePOJO(decoder());
            model(j, pre);
            j.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private PreTokenizer preTokenizer() {
        String name = m.text(PREFIX + "pre", "default");
        PreTokenizer pre = PreTokenizer.of(name);
        if (pre != null) return pre;
        throw Problem.unsupported("this way of cutting a text into words is not supported")
                .where(m.at(PREFIX + "pre"))
                .expected("one of " + String.join(", ", PreTokenizer.names()))
                .found(Problem.shown(name))
                .instead("take the model's safetensors version, which has a tokenizer.json");
    }

    private boolean special(int id) {
        boolean named = !m.has(PREFIX + "token_type")
                && List.of("bos", "eos", "unknown", "padding").stream()
                        .anyMatch(t -> Integer.valueOf(id).equals(id(t + "_token_id")));
        return named || types[id] == CONTROL || (spm && types[id] == UNKNOWN);
    }

    private void addedTokens(JsonGenerator j) throws IOException {
        boolean phi3 = spm && m.text("general.architecture", "").equals("phi3");
        j.writeArrayFieldStart("added_tokens");
        for (int id = 0; id < tokens.length; id++) {
            boolean special = special(id);
            if ((!special && types[id] != USER_DEFINED) || ids.get(tokens[id]) != id || tokens[id].isEmpty()) continue;
            j.writeStartObject();
            j.writeNumberField("id", id);
            j.writeStringField("content", tokens[id]);
            j.writeBooleanField("single_word", false);
            j.writeBooleanField("lstrip", false);
            // Phi-3's chat tokens include the line break after them.
            j.writeBooleanField(
                    "rstrip",
                    phi3 && special && !Set.of("<unk>", "<s>", "<|endoftext|>").contains(tokens[id]));
            j.writeBooleanField("normalized", false);
            j.writeBooleanField("special", special);
            j.writeEndObject();
        }
        j.writeEndArray();
    }

    private boolean spacePrefix() {
        return m.flag(PREFIX + "add_space_prefix", true);
    }

    private Object normalizer(PreTokenizer pre) {
        if (!spm) return pre.nfc() ? Map.of("type", "NFC") : null;
        List<Object> steps = new ArrayList<>();
        if (spacePrefix()) steps.add(Map.of("type", "Prepend", "prepend", SPACE));
        steps.add(Map.of("type", "Replace", "pattern", Map.of("String", " "), "content", SPACE));
        return Map.of("type", "Sequence", "normalizers", steps);
    }

    /** BOS before and EOS after the text, by the file's flags or else the model's defaults. */
    private Object postProcessor(PreTokenizer pre) {
        Integer bos = id("bos_token_id");
        Integer eos = id("eos_token_id");
        if (!m.flag(PREFIX + "add_bos_token", spm || pre.bos())) bos = null;
        if (!m.flag(PREFIX + "add_eos_token", false)) eos = null;
        if (bos == null && eos == null) return null;
        List<Object> single = new ArrayList<>();
        List<Object> pair = new ArrayList<>();
        Map<String, Object> special = new LinkedHashMap<>();
        for (String sequence : List.of("A", "B")) {
            int type = sequence.equals("A") ? 0 : 1;
            List<Object> one = new ArrayList<>();
            if (bos != null) one.add(specialToken(bos, type, special));
            one.add(Map.of("Sequence", Map.of("id", sequence, "type_id", type)));
            if (eos != null) one.add(specialToken(eos, type, special));
            if (type == 0) single.addAll(one);
            pair.addAll(one);
        }
        return Map.of("type", "TemplateProcessing", "single", single, "pair", pair, "special_tokens", special);
    }

    private Object specialToken(int id, int type, Map<String, Object> special) {
        String token = tokens[id];
        special.put(token, Map.of("id", token, "ids", List.of(id), "tokens", List.of(token)));
        return Map.of("SpecialToken", Map.of("id", token, "type_id", type));
    }

    private Object decoder() {
        if (!spm) return PreTokenizer.bytes(true);
        List<Object> steps = new ArrayList<>();
        steps.add(Map.of("type", "Replace", "pattern", Map.of("String", SPACE), "content", " "));
        steps.add(Map.of("type", "ByteFallback"));
        steps.add(Map.of("type", "Fuse"));
        if (spacePrefix()) steps.add(Map.of("type", "Strip", "content", " ", "start", 1, "stop", 0));
        return Map.of("type", "Sequence", "decoders", steps);
    }

    private void model(JsonGenerator j, PreTokenizer pre) throws IOException {
        Integer unknown = id("unknown_token_id");
        j.writeObjectFieldStart("model");
        j.writeStringField("type", "BPE");
        j.writeNullField("dropout");
        if (spm && unknown != null) j.writeStringField("unk_token", tokens[unknown]);
        else j.writeNullField("unk_token");
        j.writeNullField("continuing_subword_prefix");
        j.writeNullField("end_of_word_suffix");
        j.writeBooleanField("fuse_unk", spm);
        j.writeBooleanField("byte_fallback", spm && ids.keySet().containsAll(List.of("<0x00>", "<0xFF>")));
        j.writeBooleanField("ignore_merges", !spm && pre.wholeWords());
        j.writeObjectFieldStart("vocab");
        for (Map.Entry<String, Integer> e : ids.entrySet()) j.writeNumberField(e.getKey(), e.getValue());
        j.writeEndObject();
        j.writeArrayFieldStart("merges");
        for (String[] merge : merges()) j.writeArray(merge, 0, 2);
        j.writeEndArray();
        j.writeEndObject();
    }

    private List<String[]> merges() {
        if (!spm || m.has(PREFIX + "merges")) return listedMerges();
        float[] scores = m.floats(PREFIX + "scores");
        if (scores.length != tokens.length) throw m.wrong(PREFIX + "scores", tokens.length + " scores, one per token");
        double[] ranks = new double[tokens.length];
        // Gemma's scores do not follow its merges; its ids do.
        for (int id = 0; id < ranks.length; id++) ranks[id] = gemma ? -id : scores[id];
        Map<String, Integer> pieces = new LinkedHashMap<>();
        ids.forEach((piece, id) -> {
            if (types[id] != CONTROL && types[id] != UNKNOWN && types[id] != BYTE) pieces.put(piece, id);
        });
        return SpmMerges.of(pieces, ranks);
    }

    /** The file's merges, "left right", without those whose parts or result are not tokens. */
    private List<String[]> listedMerges() {
        List<String[]> merges = new ArrayList<>();
        for (String merge : m.texts(PREFIX + "merges")) {
            int space = merge.indexOf(' ', 1);
            if (space < 0 || space == merge.length() - 1) throw m.wrong(PREFIX + "merges", "\"LEFT RIGHT\"");
            String left = merge.substring(0, space);
            String right = merge.substring(space + 1);
            if (ids.containsKey(left) && ids.containsKey(right) && ids.containsKey(left + right)) {
                merges.add(new String[] {left, right});
            }
        }
        if (merges.isEmpty() && !spm && tokens.length > 256 + 64) {
            throw m.wrong(PREFIX + "merges", "a list of merges, without which a text falls into bytes");
        }
        return merges;
    }
}
