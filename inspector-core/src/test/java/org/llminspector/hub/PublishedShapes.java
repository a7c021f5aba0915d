package org.llminspector.hub;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * PublishedShapes are the tensors that a model of the catalog has on the hub, from the numbers of its config.json: names,
 * shapes, and how many bytes each value takes. What they add up to is what the catalog says.
 *
 * @param stored in the file; {@code more} of their values are no parameters (a mask, a tied head written twice)
 */
record PublishedShapes(TreeMap<String, long[]> stored, long more, String dtype, int bytesPerValue) {

    static PublishedShapes of(String repo) {
        return switch (repo.substring(repo.indexOf('/') + 1).replace("-Instruct", "")) {
            case "gpt2" -> gpt2(50257, 1024, 768, 12);
            case "SmolLM2-135M" -> llama(49152, 576, 30, 9, 3, 64, 1536).bf16();
            case "SmolLM2-360M" -> llama(49152, 960, 32, 15, 5, 64, 2560).bf16();
            case "Qwen2.5-0.5B" ->
                llama(151936, 896, 24, 14, 2, 64, 4864).biases(14 * 64, 2 * 64).bf16();
            case "Qwen3-0.6B" ->
                llama(151936, 1024, 28, 16, 8, 128, 3072)
                        .norms(128, 128)
                        .head(true)
                        .bf16();
            case "Llama-3.2-1B" -> llama(128256, 2048, 16, 32, 8, 64, 8192).bf16();
            case "gemma-3-270m" ->
                llama(262144, 640, 18, 4, 1, 256, 2048)
                        .norms(256, 256)
                        .each("pre_feedforward_layernorm.weight", 640)
                        .each("post_feedforward_layernorm.weight", 640)
                        .bf16();
            case "pythia-70m" -> neox(512, 6);
            case "pythia-160m" -> neox(768, 12);
            case "pythia-410m" -> neox(1024, 24);
            case "TinyLlama-1.1B-Chat-v1.0" ->
                llama(32000, 2048, 22, 32, 4, 64, 5632).head(false).bf16();
            case "OLMo-2-0425-1B" ->
                // Its norms follow attention and MLP: another name for the one, not one more.
                llama(100352, 2048, 16, 16, 16, 128, 8192)
                        .norms(2048, 2048)
                        .head(false)
                        .bf16();
            default -> throw new AssertionError("nobody has written down the shapes of " + repo);
        };
    }

    long parameters() {
        return values() - more;
    }

    private long values() {
        return stored.values().stream().mapToLong(PublishedShapes::count).sum();
    }

    /** Of model.safetensors as the safetensors library writes it: sorted by name, the header filled up to 8 bytes. */
    long fileBytes() {
        StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
        long at = 0;
        for (Map.Entry<String, long[]> tensor : stored.entrySet()) {
            long end = at + count(tensor.getValue()) * bytesPerValue;
            String shape =
                    Arrays.stream(tensor.getValue()).mapToObj(Long::toString).collect(Collectors.joining(","));
            header.append(",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}"
                    .formatted(tensor.getKey(), dtype, shape, at, end));
            at = end;
        }
        int length = header.append('}').toString().getBytes(StandardCharsets.UTF_8).length;
        return 8 + (length + 7) / 8 * 8 + at;
    }

    private static long count(long[] shape) {
        return LongStream.of(shape).reduce(1, Math::multiplyExact);
    }

    private static PublishedShapes empty() {
        return new PublishedShapes(new TreeMap<>(), 0, "F32", 4);
    }

    private PublishedShapes with(String name, long... shape) {
        stored.put(name, shape);
        return this;
    }

    /** A matrix of this shape and a bias as long as what comes out of it. */
    private PublishedShapes linear(String name, long out, long... shape) {
        return with(name + ".weight", shape).with(name + ".bias", out);
    }

    private PublishedShapes norm(String name, long width) {
        return with(name + ".weight", width).with(name + ".bias", width);
    }

    private PublishedShapes typed(String dtype, int bytes) {
        return new PublishedShapes(stored, more, dtype, bytes);
    }

    private PublishedShapes bf16() {
        return typed("BF16", 2);
    }

    /** One more tensor in every layer. */
    private PublishedShapes each(String name, long... shape) {
        long layers = stored.keySet().stream()
                .filter(n -> n.endsWith(".self_attn.q_proj.weight"))
                .count();
        for (int i = 0; i < layers; i++) with("model.layers." + i + "." + name, shape);
        return this;
    }

    private PublishedShapes biases(long q, long kv) {
        return each("self_attn.q_proj.bias", q)
                .each("self_attn.k_proj.bias", kv)
                .each("self_attn.v_proj.bias", kv);
    }

    private PublishedShapes norms(long q, long k) {
        return each("self_attn.q_norm.weight", q).each("self_attn.k_norm.weight", k);
    }

    /** A head of its own, or the embedding written a second time. */
    private PublishedShapes head(boolean tied) {
        long[] embedding = stored.get("model.embed_tokens.weight");
        with("lm_head.weight", embedding);
        return new PublishedShapes(stored, tied ? count(embedding) : 0, dtype, bytesPerValue);
    }

    private static PublishedShapes llama(long vocab, long d, int layers, long heads, long kv, long head, long ffn) {
        PublishedShapes s = empty().with("model.embed_tokens.weight", vocab, d).with("model.norm.weight", d);
        for (int i = 0; i < layers; i++) {
            String p = "model.layers." + i + ".";
            s.with(p + "input_layernorm.weight", d)
                    .with(p + "post_attention_layernorm.weight", d)
                    .with(p + "self_attn.q_proj.weight", heads * head, d)
                    .with(p + "self_attn.k_proj.weight", kv * head, d)
                    .with(p + "self_attn.v_proj.weight", kv * head, d)
                    .with(p + "self_attn.o_proj.weight", d, heads * head)
                    .with(p + "mlp.gate_proj.weight", ffn, d)
                    .with(p + "mlp.up_proj.weight", ffn, d)
                    .with(p + "mlp.down_proj.weight", d, ffn);
        }
        return s;
    }

    private static PublishedShapes gpt2(long vocab, long positions, long d, int layers) {
        PublishedShapes s = empty().with("wte.weight", vocab, d)
                .with("wpe.weight", positions, d)
                .norm("ln_f", d);
        for (int i = 0; i < layers; i++) {
            String p = "h." + i + ".";
            s.norm(p + "ln_1", d).norm(p + "ln_2", d);
            s.with(p + "attn.bias", 1, 1, positions, positions); // the causal mask
            s.linear(p + "attn.c_attn", 3 * d, d, 3 * d);
            s.linear(p + "attn.c_proj", d, d, d);
            s.linear(p + "mlp.c_fc", 4 * d, d, 4 * d);
            s.linear(p + "mlp.c_proj", d, 4 * d, d);
        }
        return new PublishedShapes(s.stored, layers * positions * positions, "F32", 4);
    }

    private static PublishedShapes neox(long d, int layers) {
        PublishedShapes s = empty().with("gpt_neox.embed_in.weight", 50304, d)
                .with("embed_out.weight", 50304, d)
                .norm("gpt_neox.final_layer_norm", d);
        for (int i = 0; i < layers; i++) {
            String p = "gpt_neox.layers." + i + ".";
            s.norm(p + "input_layernorm", d).norm(p + "post_attention_layernorm", d);
            s.linear(p + "attention.query_key_value", 3 * d, 3 * d, d);
            s.linear(p + "attention.dense", d, d, d);
            s.linear(p + "mlp.dense_h_to_4h", 4 * d, 4 * d, d);
            s.linear(p + "mlp.dense_4h_to_h", d, d, 4 * d);
        }
        return s.typed("F16", 2);
    }
}
