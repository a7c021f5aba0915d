package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.golden.Golden;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.ShortConv;

/** Both spellings of config.json give one spec; what is not understood refuses to load. */
class ConfigTest {

    @TestFactory
    List<DynamicTest> bothSpellingsGiveOneSpec() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.all()) {
            tests.add(DynamicTest.dynamicTest(dir.getFileName().toString(), () -> assertThat(
                            spec((ObjectNode) Json.readObject(dir.resolve("config_v5.json"))))
                    .isEqualTo(spec((ObjectNode) Json.readObject(dir.resolve("config.json"))))));
        }
        return tests;
    }

    /** The goldens of these families are in transformers 5's spelling only: rewritten as 4 spells it. */
    @TestFactory
    List<DynamicTest> olderSpellingsGiveTheSameSpec() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.in(Golden.FAMILIES)) {
            ObjectNode now = (ObjectNode) Json.readObject(dir.resolve("config.json"));
            if (!now.has("rope_parameters")) continue;
            ObjectNode before = now.deepCopy();
            before.remove("rope_parameters");
            for (String field : List.of("rope_theta", "partial_rotary_factor")) {
                if (now.path("rope_parameters").has(field)) {
                    before.set(field, now.path("rope_parameters").get(field));
                }
            }
            if (!now.path("rope_parameters").path("rope_type").asText("default").equals("default")) {
                ObjectNode scaling = ((ObjectNode) now.get("rope_parameters")).deepCopy();
                before.set("rope_scaling", scaling.remove(List.of("rope_theta", "partial_rotary_factor")));
            }
            if (now.path("rope_parameters").path("rope_type").asText().equals("yarn")) {
                ObjectNode scaling = ((ObjectNode) now.get("rope_parameters")).deepCopy();
                before.set("rope_scaling", scaling.remove(List.of("rope_theta")));
            }
            tests.add(DynamicTest.dynamicTest(
                    dir.getFileName().toString(), () -> assertThat(spec(before)).isEqualTo(spec(now))));
        }
        assertThat(tests).hasSizeGreaterThan(5);
        return tests;
    }

    @Test
    void whatAFamilyDoesNotReadIsRefusedByName() {
        refused(family("opt").put("layer_norm_elementwise_affine", false), "layer_norm_elementwise_affine");
        ObjectNode mpt = family("mpt");
        refused(mpt.deepCopy().put("no_bias", false), "no_bias");
        refused(mpt.deepCopy().put("norm_type", "rmsnorm"), "norm_type", "low_precision_layernorm");
        for (String field : List.of("qk_ln", "prefix_lm")) {
            ObjectNode on = mpt.deepCopy();
            refused((ObjectNode) on.set("attn_config", ((ObjectNode) on.get("attn_config")).put(field, true)), field);
        }
        ObjectNode learned = mpt.deepCopy();
        ((ObjectNode) learned.get("attn_config")).put("alibi", false);
        refused(learned, "attn_config.alibi");
        refused(family("bloom").put("apply_residual_connection_post_layernorm", true), "post_layernorm");
        ObjectNode neo = family("gpt_neo");
        neo.remove("attention_layers");
        assertThat(spec(neo)).isEqualTo(spec(family("gpt_neo")));
        refused(neo.put("num_layers", 5), "attention_types", "each of 5 layers");
    }

    @Test
    void howDeepSeekChoosesIsReadOrRefused() {
        ObjectNode three = family("deepseek_v3");
        refused(three.deepCopy().put("scoring_func", "softmax"), "scoring_func", "sigmoid");
        refused(three.deepCopy().put("n_group", 3), "n_group");
        refused(three.deepCopy().put("num_experts_per_tok", 5), "num_experts_per_tok");
        refused(three.deepCopy().put("moe_layer_freq", 2), "moe_layer_freq");
        refused(three.deepCopy().put("num_key_value_heads", 2), "num_key_value_heads");
        refused(three.deepCopy().put("qk_rope_head_dim", 7), "qk_rope_head_dim");
        ObjectNode two = family("deepseek_v2");
        refused(two.deepCopy().put("topk_method", "noaux_tc"), "topk_method", "greedy");
        refused(two.deepCopy().put("norm_topk_prob", true), "norm_topk_prob");
        assertThat(spec(two).layers().get(0).mlp().experts()).isNull();
        assertThat(spec(two).layers().get(1).mlp().experts().routing().groups()).isEqualTo(1);
    }

    /** openai/gpt-oss-20b's config.json has fewer fields, and names the packing of its experts. */
    @Test
    void gptOssIsReadAsItIsPublished() {
        ObjectNode published = family("gpt_oss_mxfp4");
        DecoderSpec spec = spec(published);
        published.remove(List.of("swiglu_alpha", "dtype", "router_aux_loss_coef"));
        published.put("experts_per_token", 2).put("initial_context_length", 32);
        assertThat(spec(published)).isEqualTo(spec);
        published.remove("layer_types");
        assertThat(spec(published)).isEqualTo(spec);
        assertThat(spec.layers().stream().map(l -> l.attention().window())).containsExactly(8, null, 8, null);
        assertThat(spec.layers().get(0).attention().sinks()).isTrue();
        assertThat(spec.layers().get(0).mlp().limit()).isEqualTo(7f);
        refused(published.deepCopy().put("swiglu_alpha", 1.5), "swiglu_alpha", "1.702", "1.5");
        ((ObjectNode) published.get("quantization_config")).put("quant_method", "awq");
        refused(published, "quantization_config.quant_method", "mxfp4", "awq");
    }

    /** LiquidAI/LFM2-1.2B's config.json names the layers with attention, and its sizes by other fields too. */
    @Test
    void lfm2IsReadAsItIsPublished() {
        ObjectNode published = family("lfm2");
        DecoderSpec spec = spec(published);
        assertThat(spec.attending()).containsExactly(1, 3);
        assertThat(spec.layers().get(0).mixer()).isEqualTo(new ShortConv(3, false));
        assertThat(spec.layers().get(0).mlp().dMlp()).isEqualTo(160);
        published.remove(List.of("layer_types", "rope_parameters", "tie_word_embeddings", "intermediate_size"));
        published.putArray("full_attn_idxs").add(1).add(3);
        published
                .put("rope_theta", 1e6)
                .put("block_dim", 64)
                .put("block_ff_dim", 160)
                .put("block_mlp_init_scale", 1.0)
                .put("block_norm_eps", 1e-5)
                .put("block_out_init_scale", 1.0)
                .put("block_use_swiglu", true)
                .put("block_use_xavier_init", true)
                .put("conv_dim", 64)
                .put("conv_dim_out", 64)
                .put("conv_use_xavier_init", true)
                .put("num_heads", 4)
                .put("use_pos_enc", true);
        assertThat(spec(published)).isEqualTo(spec);
        published.put("block_auto_adjust_ff_dim", true); // 2/3 of 160, to the next 256
        assertThat(spec(published).layers().get(0).mlp().dMlp()).isEqualTo(256);
        refused(published.deepCopy().put("conv_L_cache", 1), "conv_L_cache", "at least 2");
        // The 1.2B model's sizes, and how many parameters its model card names.
        published.put("vocab_size", 65_536).put("hidden_size", 2048).put("num_hidden_layers", 16);
        published.put("num_attention_heads", 32).put("num_key_value_heads", 8).put("block_ff_dim", 12_288);
        published
                .putArray("full_attn_idxs")
                .add(2)
                .add(5)
                .add(8)
                .add(10)
                .add(12)
                .add(14);
        List<PartCost> parts = PartCost.of(spec(published), KvFormats.FP32, (module, in) -> Float.BYTES, 0, 1);
        assertThat(parts.stream().mapToLong(PartCost::parameters).sum()).isEqualTo(1_170_340_608L);
        ObjectNode other = family("lfm2");
        other.putArray("layer_types")
                .add("conv")
                .add("full_attention")
                .add("mamba")
                .add("conv");
        refused(other, "layer_types", "conv or full_attention", "mamba");
        assertThat(spec(family("lfm2_bias")).layers().get(1).mixer()).isEqualTo(new ShortConv(4, true));
        assertThat(spec(family("lfm2_bias")).layers().get(1).mlp().dMlp()).isEqualTo(128); // 1.1 x 106, to 32s
    }

    /** moonshotai/Kimi-Linear-48B-A3B's config.json has an object for its delta nets, whose lists of layers begin with 1. */
    @Test
    void kimiLinearIsReadAsItIsPublished() {
        ObjectNode published = family("kimi_linear");
        DecoderSpec spec = spec(published);
        assertThat(spec.attending()).containsExactly(3);
        assertThat(spec.layers().get(3).attention().rope()).isNull();
        published.remove(List.of(
                "layer_types",
                "linear_num_heads",
                "linear_head_dim",
                "linear_conv_kernel_dim",
                "mlp_layer_types",
                "qk_head_dim"));
        published
                .put("first_k_dense_replace", 1)
                .put("mla_use_nope", true)
                .put("moe_layer_freq", 1)
                .put("moe_router_activation_func", "sigmoid")
                .put("num_nextn_predict_layers", 0)
                .put("rope_theta", 10_000.0)
                .put("use_grouped_topk", true);
        ObjectNode net = published.putObject("linear_attn_config");
        net.put("head_dim", 16).put("num_heads", 4).put("short_conv_kernel_size", 4);
        net.putArray("kda_layers").add(1).add(2).add(3);
        net.putArray("full_attn_layers").add(4);
        assertThat(spec(published)).isEqualTo(spec);
        net.putArray("full_attn_layers").add(5);
        refused(published, "linear_attn_config.full_attn_layers", "layers from 1 to 4", "5");
        net.putArray("full_attn_layers").add(4).add(4);
        refused(published, "linear_attn_config.full_attn_layers", "each once");
        net.putArray("full_attn_layers").add(3).add(4);
        refused(published, "linear_attn_config.kda_layers", "layer 3 is in both");
        net.putArray("full_attn_layers").add(4);
        net.putArray("kda_layers").add(1).add(3);
        refused(published, "linear_attn_config.kda_layers", "layer 2 is in neither");
        net.putArray("kda_layers").add(1).add(2).add(3);
        refused(published.deepCopy().put("mla_use_nope", false), "mla_use_nope", "no RoPE");
        refused(published.deepCopy().put("moe_router_activation_func", "softmax"), "moe_router_activation_func");
        net.put("head_norm", 2);
        refused(published, "linear_attn_config.head_norm");
    }

    private static ObjectNode family(String name) {
        return (ObjectNode) Json.readObject(Golden.FAMILIES.resolve(name).resolve("config.json"));
    }

    @Test
    void anUnknownFieldThatIsOnIsRefused() {
        assertThatThrownBy(() -> spec(llama().put("attention_sinks", 4)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("attention_sinks = 4")
                .hasMessageContaining("config.json")
                .hasMessageContaining("hidden_size");
        assertThat(spec(llama().put("attention_sinks", false))).isNotNull();
    }

    @Test
    void quantizedCheckpointsAreRefused() {
        ObjectNode config = llama();
        config.putObject("quantization_config").put("bits", 4);
        assertThatThrownBy(() -> spec(config)).isInstanceOf(Problem.class).hasMessageContaining("quantization_config");
        // DeepSeek V3 as it is published.
        ObjectNode fp8 = family("deepseek_v3");
        fp8.putObject("quantization_config")
                .put("quant_method", "fp8")
                .put("fmt", "e4m3")
                .putArray("weight_block_size")
                .add(128)
                .add(128);
        refused(fp8, "quantization_config", "plain numbers", "fp8", "GGUF");
    }

    @Test
    void wrongFieldsAreNamed() {
        refused(llama().put("hidden_act", "squish"), "hidden_act", "squish");
        refused(llama().put("num_hidden_layers", 0), "num_hidden_layers", "0");
        refused(llama().put("hidden_size", "wide"), "hidden_size", "wide");
        refused(llama().put("num_key_value_heads", 3), "num_key_value_heads", "divisor of 4");
        refused(llama().put("model_type", "retnet"), "model_type", "gpt_neox, gpt_oss, gptj");
        ObjectNode noVocab = llama();
        noVocab.remove("vocab_size");
        refused(noVocab, "vocab_size", "nothing");
    }

    private static void refused(ObjectNode config, String... words) {
        assertThatThrownBy(() -> spec(config)).isInstanceOf(Problem.class).hasMessageContainingAll(words);
    }

    private static ObjectNode llama() {
        return (ObjectNode) Json.readObject(Golden.ROOT.resolve("llama/config.json"));
    }

    private static DecoderSpec spec(ObjectNode json) {
        Config config = new Config(json, Path.of("config.json"));
        DecoderSpec spec = Family.of(config).spec(config);
        config.refuseWhatWasNotUnderstood();
        return spec;
    }

    @Test
    void theTableOfFamiliesHasEveryModelType() throws IOException {
        String document = Files.readString(Path.of("../docs/models.md"));
        List<String> types = Family.ALL.stream()
                .flatMap(f -> f.modelTypes().stream())
                .sorted()
                .toList();
        assertThat(document).contains(Family.ALL.size() + " families, " + types.size() + " values of `model_type`");
        String table = document.split("\n## Every family\n", 2)[1].split("\n## ", 2)[0];
        List<String> documented = table.lines()
                .filter(line -> line.startsWith("| "))
                .flatMap(line -> Pattern.compile("`(\\w+)`")
                        .matcher(line.split("\\|")[2])
                        .results())
                .map(m -> m.group(1))
                .filter(name -> !name.equals("model_type"))
                .sorted()
                .toList();
        assertThat(documented).as("column model_type of docs/models.md").isEqualTo(types);
    }
}
