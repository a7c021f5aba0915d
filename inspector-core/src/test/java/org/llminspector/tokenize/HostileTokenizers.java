package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.llminspector.base.Json;

/** HostileTokenizers are tokenizer.json files that end the process, or keep it for minutes, each by what it is called here. */
final class HostileTokenizers {

    private HostileTokenizers() {}

    /** Each made of the tests' SentencePiece tokenizer. */
    static Map<String, byte[]> all() {
        Map<String, byte[]> files = new LinkedHashMap<>();
        put(
                files,
                "a charsmap of three bytes",
                t -> part(t, "normalizer", "{'type':'Precompiled','precompiled_charsmap':'AAAA'}"));
        put(
                files,
                "a charsmap that leads out of itself",
                t -> part(t, "normalizer", "{'type':'Precompiled','precompiled_charsmap':'" + leadsOut() + "'}"));
        put(files, "a prefix longer than pieces", t -> {
            model(t).put("byte_fallback", false);
            model(t).put("continuing_subword_prefix", "toolongprefix");
        });
        put(files, "pieces of length 0", t -> part(t, "pre_tokenizer", "{'type':'FixedLength','length':0}"));
        put(
                files,
                "a template of B only",
                t -> part(
                        t,
                        "post_processor",
                        "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B','type_id':0}}],"
                                + "'pair':[{'Sequence':{'id':'A','type_id':0}},{'Sequence':{'id':'B','type_id':1}}],'special_tokens':{}}"));
        put(
                files,
                "a template of an unknown token",
                t -> part(
                        t,
                        "post_processor",
                        "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'x','type_id':0}},{'Sequence':{'id':'A','type_id':0}}],"
                                + "'pair':[{'Sequence':{'id':'A','type_id':0}},{'Sequence':{'id':'B','type_id':1}}],'special_tokens':{}}"));
        put(
                files,
                "an expression that never ends",
                t -> part(
                        t,
                        "pre_tokenizer",
                        "{'type':'Split','pattern':{'Regex':'(a+)+$'},'behavior':'Isolated','invert':false}"));
        put(
                files,
                "a strip of both ends",
                t -> part(t, "decoder", "{'type':'Strip','content':' ','start':1,'stop':1}"));
        put(files, "a suffix in bytes", t -> model(t).put("end_of_word_suffix", "</w>"));
        put(files, "an added token of 20,000 characters", t -> added(t, "x".repeat(20_000)));
        put(files, "twenty thousand added tokens", t -> {
            for (int i = 0; i < 20_000; i++) added(t, "<" + i + ">");
        });
        put(files, "a text that grows", t -> {
            ObjectNode sequence = t.putObject("normalizer").put("type", "Sequence");
            for (int i = 0; i < 8; i++) {
                ObjectNode replace =
                        sequence.withArray("normalizers").addObject().put("type", "Replace");
                replace.putObject("pattern").put("String", "a");
                replace.put("content", "a".repeat(100));
            }
        });
        return files;
    }

    private static void put(Map<String, byte[]> files, String name, Consumer<ObjectNode> change) {
        ObjectNode tokenizer =
                (ObjectNode) Json.readObject(Path.of("src/test/resources/tokenizers/spm/tokenizer.json"));
        change.accept(tokenizer);
        files.put(name, Json.write(tokenizer).getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private static void part(ObjectNode tokenizer, String field, String json) {
        try {
            tokenizer.set(field, Json.mapper().readTree(json.replace('\'', '"')));
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ObjectNode model(ObjectNode tokenizer) {
        return (ObjectNode) tokenizer.get("model");
    }

    private static void added(ObjectNode tokenizer, String content) {
        JsonNode first = tokenizer.get("added_tokens").get(0);
        ObjectNode token = first.deepCopy();
        int vocabulary = tokenizer.path("model").path("vocab").size();
        token.put("id", vocabulary + tokenizer.get("added_tokens").size()).put("content", content);
        tokenizer.withArray("added_tokens").add(token);
    }

    /** Four units, the first of which points far beyond the last. */
    private static String leadsOut() {
        ByteBuffer b = ByteBuffer.allocate(4 + 16 + 1).order(ByteOrder.LITTLE_ENDIAN);
        b.putInt(16).putInt(1 << 20 << 10);
        return Base64.getEncoder().encodeToString(b.array());
    }
}
