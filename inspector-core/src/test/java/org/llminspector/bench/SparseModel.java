package org.llminspector.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;

/**
 * SparseModel writes a checkpoint of a published model's sizes, in BF16, of which next to nothing is on the disk: norms are
 * one (zero where the family adds one), the first tokens have embeddings, everything else is a hole that reads as zeros.
 * Opening it costs what opening the real one does, but for the disk. With tied embeddings every first token is followed by
 * itself, as its own embedding is the nearest.
 *
 * @param layers those that are written; the published number unless it says otherwise
 */
public record SparseModel(String name, int layers) {

    /** Tokens with embeddings. */
    public static final int TOKENS = 8;

    private static final String[] NORMS = {"input_layernorm", "post_attention_layernorm"};
    private static final String[] GEMMA_NORMS = {"pre_feedforward_layernorm", "post_feedforward_layernorm"};

    private record Sizes(
            String type, int vocab, int d, int layers, int heads, int kv, int dHead, int mlp, boolean tied) {}

    private static Sizes sizes(String name) {
        return switch (name) {
            case "llama-3.2-1b" -> new Sizes("llama", 128_256, 2048, 16, 32, 8, 64, 8192, true);
            case "gemma-3-1b" -> new Sizes("gemma3_text", 262_144, 1152, 26, 4, 1, 256, 6912, true);
            case "qwen2.5-1.5b" -> new Sizes("qwen2", 151_936, 1536, 28, 12, 2, 128, 8960, true);
            case "gemma-2-2b" -> new Sizes("gemma2", 256_000, 2304, 26, 8, 4, 256, 9216, true);
            case "qwen3-8b" -> new Sizes("qwen3", 151_936, 4096, 36, 32, 8, 128, 12_288, false);
            default -> throw new IllegalArgumentException("no sizes of " + name);
        };
    }

    public static SparseModel of(String name) {
        return new SparseModel(name, sizes(name).layers());
    }

    /** Bytes of its tensors. */
    public long bytes() {
        return tensors().values().stream()
                .mapToLong(s -> 2 * Tensor.elements(s))
                .sum();
    }

    /** Writes it; the folder is its name's. */
    public Path write(Path parent) throws IOException {
        Path dir = Files.createDirectories(parent.resolve(name + "-" + layers));
        Files.writeString(dir.resolve("config.json"), Json.write(config()));
        Map<String, long[]> tensors = tensors();
        ObjectNode header = Json.mapper().createObjectNode();
        Map<String, Long> begins = new LinkedHashMap<>();
        long at = 0;
        for (Map.Entry<String, long[]> e : tensors.entrySet()) {
            long size = 2 * Tensor.elements(e.getValue());
            ObjectNode t = header.putObject(e.getKey()).put("dtype", "BF16");
            for (long d : e.getValue()) t.withArray("shape").add(d);
            t.withArray("data_offsets").add(at).add(at + size);
            begins.put(e.getKey(), at);
            at += size;
        }
        StringBuilder text = new StringBuilder(header.toString());
        while (text.length() % 8 != 0) text.append(' ');
        byte[] json = text.toString().getBytes(StandardCharsets.UTF_8);
        try (FileChannel out = FileChannel.open(
                dir.resolve("model.safetensors"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer head = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
            out.write(head.putLong(json.length).put(json).flip(), 0);
            long data = 8L + json.length;
            out.write(ByteBuffer.allocate(1), data + at - 1); // its length
            for (Map.Entry<String, long[]> e : tensors.entrySet()) {
                boolean zero =
                        !e.getKey().contains("norm") || sizes(name).type().startsWith("gemma");
                if (!zero) out.write(bf16(e.getValue()[0], i -> 1f), data + begins.get(e.getKey()));
            }
            Random random = new Random(1);
            long d = sizes(name).d();
            out.write(
                    bf16(TOKENS * d, i -> (float) random.nextGaussian() / 16),
                    data + begins.get("model.embed_tokens.weight"));
        }
        return dir;
    }

    private interface Value {
        float at(long i);
    }

    private static ByteBuffer bf16(long n, Value value) {
        ByteBuffer bytes = ByteBuffer.allocate((int) (2 * n)).order(ByteOrder.LITTLE_ENDIAN);
        for (long i = 0; i < n; i++) bytes.putShort(HalfFloats.toBf16(value.at(i)));
        return bytes.flip();
    }

    private Map<String, long[]> tensors() {
        Sizes s = sizes(name);
        Map<String, long[]> t = new LinkedHashMap<>();
        boolean gemma = s.type().startsWith("gemma");
        t.put("model.embed_tokens.weight", new long[] {s.vocab(), s.d()});
        for (int i = 0; i < layers; i++) {
            String b = "model.layers." + i + ".";
            for (String n : NORMS) t.put(b + n + ".weight", new long[] {s.d()});
            if (gemma) for (String n : GEMMA_NORMS) t.put(b + n + ".weight", new long[] {s.d()});
            t.put(b + "self_attn.q_proj.weight", new long[] {(long) s.heads() * s.dHead(), s.d()});
            t.put(b + "self_attn.k_proj.weight", new long[] {(long) s.kv() * s.dHead(), s.d()});
            t.put(b + "self_attn.v_proj.weight", new long[] {(long) s.kv() * s.dHead(), s.d()});
            t.put(b + "self_attn.o_proj.weight", new long[] {s.d(), (long) s.heads() * s.dHead()});
            if (s.type().equals("qwen2")) {
                t.put(b + "self_attn.q_proj.bias", new long[] {(long) s.heads() * s.dHead()});
                t.put(b + "self_attn.k_proj.bias", new long[] {(long) s.kv() * s.dHead()});
                t.put(b + "self_attn.v_proj.bias", new long[] {(long) s.kv() * s.dHead()});
            }
            if (s.type().equals("qwen3") || s.type().equals("gemma3_text")) {
                t.put(b + "self_attn.q_norm.weight", new long[] {s.dHead()});
                t.put(b + "self_attn.k_norm.weight", new long[] {s.dHead()});
            }
            t.put(b + "mlp.gate_proj.weight", new long[] {s.mlp(), s.d()});
            t.put(b + "mlp.up_proj.weight", new long[] {s.mlp(), s.d()});
            t.put(b + "mlp.down_proj.weight", new long[] {s.d(), s.mlp()});
        }
        t.put("model.norm.weight", new long[] {s.d()});
        if (!s.tied()) t.put("lm_head.weight", new long[] {s.vocab(), s.d()});
        return t;
    }

    private ObjectNode config() {
        Sizes s = sizes(name);
        ObjectNode c = Json.mapper().createObjectNode();
        c.put("model_type", s.type())
                .put("vocab_size", s.vocab())
                .put("hidden_size", s.d())
                .put("num_hidden_layers", layers)
                .put("num_attention_heads", s.heads())
                .put("num_key_value_heads", s.kv())
                .put("head_dim", s.dHead())
                .put("intermediate_size", s.mlp())
                .put("rms_norm_eps", 1e-6)
                .put("tie_word_embeddings", s.tied());
        if (s.type().startsWith("gemma")) {
            c.put("hidden_activation", "gelu_pytorch_tanh")
                    .put("query_pre_attn_scalar", 256)
                    .put("max_position_embeddings", s.type().equals("gemma2") ? 8192 : 32_768)
                    .put("sliding_window", s.type().equals("gemma2") ? 4096 : 512)
                    .put("rope_theta", s.type().equals("gemma2") ? 10_000.0 : 1_000_000.0);
            if (s.type().equals("gemma2")) {
                c.put("attn_logit_softcapping", 50.0).put("final_logit_softcapping", 30.0);
            } else {
                c.put("rope_local_base_freq", 10_000.0).put("_sliding_window_pattern", 6);
            }
            return c;
        }
        c.put("hidden_act", "silu").put("max_position_embeddings", 32_768).put("rope_theta", 1_000_000.0);
        if (s.type().equals("qwen2")) c.remove("head_dim");
        if (s.type().equals("llama")) {
            c.put("rope_theta", 500_000.0).put("max_position_embeddings", 131_072);
            c.putObject("rope_scaling")
                    .put("rope_type", "llama3")
                    .put("factor", 32.0)
                    .put("low_freq_factor", 1.0)
                    .put("high_freq_factor", 4.0)
                    .put("original_max_position_embeddings", 8192);
        }
        return c;
    }
}
