package org.llminspector.engine.onnx;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * ExportedHooks finds hooks in a graph that somebody else exported. Exporters name a node by the module that it came
 * from ({@code /model/layers.3/mlp/down_proj/MatMul}); what a module takes and gives is found by who reads whose values,
 * and every value's shape is checked when it is seen. A hook that is not found is refused by name.
 */
public final class ExportedHooks {

    private static final Pattern LAYER = Pattern.compile("(.*/(?:layers|h)\\.)[0-9]+/.*");
    private static final Set<String> FUSED = Set.of("GroupQueryAttention", "MultiHeadAttention", "Attention");
    private static final int MAX_NAME = 300;
    private static final String INSTEAD =
            "open the model's safetensors or GGUF: every hook of those can be captured and changed";

    /** Source says where a hook's value is read. */
    enum Source {
        /** A value of the graph. */
        VALUE,
        /** The softmax's input, where masked scores may be a large negative number. */
        SCORES,
        /** This pass's part of a layer's new keys or values, [1, kv_head, key, d_head]. */
        CACHE
    }

    /** Place is a named value and how to read it. */
    record Place(String value, Source source) {}

    private final DecoderSpec spec;
    private final OnnxFile file;
    private final Map<String, Node> makers = new HashMap<>(); // by the value that they make
    private final Map<String, List<Node>> readers = new HashMap<>();
    private final Map<String, Node> byName = new HashMap<>();
    private final Map<String, List<Node>> modules = new HashMap<>(); // by every path that leads to the node
    private final Map<HookId, Place> places = new TreeMap<>();

    public ExportedHooks(OnnxFile file, DecoderSpec spec) {
        this.file = file;
        this.spec = spec;
        String layers = null;
        for (Node n : file.nodes()) {
            byName.put(n.name(), n);
            n.outputs().forEach(v -> makers.put(v, n));
            n.inputs().forEach(v -> readers.computeIfAbsent(v, k -> new ArrayList<>())
                    .add(n));
            if (n.name().length() > MAX_NAME) continue; // no exporter's: its paths would be too many
            for (int at = n.name().indexOf('/', 1); at > 0; at = n.name().indexOf('/', at + 1)) {
                modules.computeIfAbsent(n.name().substring(0, at), k -> new ArrayList<>())
                        .add(n);
            }
            Matcher m = LAYER.matcher(n.name());
            if (layers == null && m.matches()) layers = m.group(1);
        }
        put(LOGITS, -1, Source.VALUE, "logits");
        for (int i = 0; i < spec.nLayers(); i++) cache(i);
        if (layers == null) return;
        String root = layers.substring(0, layers.lastIndexOf('/') + 1);
        if (spec.embedScale() == 1) put(EMBED, -1, Source.VALUE, result(root, "embed_tokens", "wte", "embed_in"));
        if (spec.learnedPositions()) put(POS_EMBED, -1, Source.VALUE, result(root, "wpe"));
        for (int i = 0; i < spec.nLayers(); i++) layer(i, layers);
        put(LN_FINAL_OUT, -1, Source.VALUE, result(root, "norm", "ln_f", "final_layer_norm"));
    }

    private void put(HookPoint point, int layer, Source source, String value) {
        if (value != null && !value.isEmpty()) places.put(new HookId(point, layer), new Place(value, source));
    }

    private void cache(int i) {
        boolean turned = spec.layers().get(i).attention().rope() != null;
        put(turned ? ROT_K : K, i, Source.CACHE, "present." + i + ".key");
        put(V, i, Source.CACHE, "present." + i + ".value");
    }

    private void layer(int i, String layers) {
        LayerSpec spec = this.spec.layers().get(i);
        String l = layers + i + "/";
        String attn = Stream.of("self_attn", "attn", "attention")
                .map(a -> l + a)
                .filter(modules::containsKey)
                .findFirst()
                .orElse(l + "attn");
        boolean normed = spec.attention().qNorm() != null;
        Node split = byName.get(attn + "/Split"); // GPT-2: q, k and v in one product
        boolean equal = split != null && split.outputs().size() == 3;
        put(Q, i, Source.VALUE, equal ? at(split.outputs(), 0) : result(attn + "/", normed ? "q_norm" : "q_proj"));
        if (!places.containsKey(HookId.of(K, i))) {
            put(K, i, Source.VALUE, result(attn + "/", normed ? "k_norm" : "k_proj"));
        }
        softmax(attn).ifPresent(n -> {
            put(ATTN_SCORES, i, Source.SCORES, at(n.inputs(), 0));
            put(PATTERN, i, Source.VALUE, at(n.outputs(), 0));
        });
        String o = existing(attn, "o_proj", "c_proj", "dense", "out_proj");
        put(Z, i, Source.VALUE, input(o));
        String attnOut = spec.ln1Post() == null ? result(o) : result(l, "post_attention_layernorm");
        put(ATTN_OUT, i, Source.VALUE, attnOut);
        if (spec.ln1Post() != null) put(LN1_POST_OUT, i, Source.VALUE, attnOut);
        String mlp = l + "mlp";
        boolean gated = spec.mlp().gated();
        put(
                MLP_PRE,
                i,
                Source.VALUE,
                gated ? result(mlp + "/", "gate_proj") : result(existing(mlp, "c_fc", "dense_h_to_4h")));
        if (gated) put(MLP_PRE_LINEAR, i, Source.VALUE, result(mlp + "/", "up_proj"));
        String down = existing(mlp, "down_proj", "c_proj", "dense_4h_to_h");
        put(MLP_POST, i, Source.VALUE, input(down));
        String mlpOut = spec.ln2Post() == null ? result(down) : result(l, "post_feedforward_layernorm");
        put(MLP_OUT, i, Source.VALUE, mlpOut);
        if (spec.ln2Post() != null) put(LN2_POST_OUT, i, Source.VALUE, mlpOut);
        if (!spec.parallel()) residuals(i, l, attnOut, mlpOut);
    }

    /** Sums that really add the sublayer's output; or what a fused skip-and-norm passes on. */
    private void residuals(int i, String l, String attnOut, String mlpOut) {
        Node mid = byName.get(l + "Add");
        if (adds(mid, attnOut)) {
            put(RESID_MID, i, Source.VALUE, at(mid.outputs(), 0));
            if (i == 0) put(RESID_PRE, 0, Source.VALUE, other(mid, attnOut));
        }
        Node post = byName.get(l + "Add_1");
        if (adds(post, mlpOut)) put(RESID_POST, i, Source.VALUE, at(post.outputs(), 0));
        put(RESID_MID, i, skipped(l + "post_attention_layernorm", attnOut));
        if (i > 0) {
            Place before = places.get(HookId.of(MLP_OUT, i - 1));
            put(RESID_POST, i - 1, skipped(l + "input_layernorm", before == null ? null : before.value()));
            Place pre = places.get(HookId.of(RESID_POST, i - 1));
            if (pre != null) put(RESID_PRE, i, Source.VALUE, pre.value());
        }
    }

    private void put(HookPoint point, int layer, Optional<String> value) {
        value.ifPresent(v -> put(point, layer, Source.VALUE, v));
    }

    /** The fourth output of a SkipLayerNormalization is the sum itself. */
    private Optional<String> skipped(String module, String added) {
        return modules.getOrDefault(module, List.of()).stream()
                .filter(n -> n.op().startsWith("Skip") && n.outputs().size() == 4)
                .filter(n -> n.inputs().contains(added))
                .map(n -> at(n.outputs(), 3))
                .filter(v -> !v.isEmpty())
                .findFirst();
    }

    private boolean adds(Node node, String value) {
        return node != null && value != null && node.op().equals("Add") && other(node, value) != null;
    }

    /** What a sum of two adds to the value; null when it does not add the value. */
    private String other(Node add, String value) {
        for (int k = 0; k < 2; k++) {
            if (uncast(at(add.inputs(), k)).equals(value)) return at(add.inputs(), 1 - k);
        }
        return null;
    }

    private String uncast(String value) {
        Node maker = makers.get(value);
        return maker != null && maker.op().equals("Cast") ? at(maker.inputs(), 0) : value;
    }

    private Optional<Node> softmax(String attn) {
        List<Node> all = modules.getOrDefault(attn, List.of()).stream()
                .filter(n -> n.op().equals("Softmax"))
                .toList();
        return all.size() == 1 ? Optional.of(all.get(0)) : Optional.empty();
    }

    /** Empty where a node has no such value. */
    private static String at(List<String> values, int i) {
        return i < values.size() ? values.get(i) : "";
    }

    private String existing(String module, String... names) {
        for (String n : names) if (modules.containsKey(module + "/" + n)) return module + "/" + n;
        return module + "/" + names[0];
    }

    private String result(String parent, String... names) {
        return result(existing(parent.substring(0, parent.length() - 1), names));
    }

    /** The one value that others read of what a module computes. */
    private String result(String module) {
        Set<String> read = new LinkedHashSet<>();
        for (Node n : modules.getOrDefault(module, List.of())) {
            for (String v : n.outputs()) {
                boolean outside = readers.getOrDefault(v, List.of()).stream()
                        .anyMatch(r -> !r.name().startsWith(module + "/"));
                if (outside) read.add(v);
            }
        }
        return read.size() == 1 ? read.iterator().next() : null;
    }

    /** The one value that a module reads of what others compute. */
    private String input(String module) {
        Set<String> read = new LinkedHashSet<>();
        for (Node n : modules.getOrDefault(module, List.of())) {
            for (String v : n.inputs()) {
                Node maker = makers.get(v);
                boolean computed = maker != null
                        && !maker.op().equals("Identity")
                        && !maker.op().equals("Constant");
                if (computed && !maker.name().startsWith(module + "/")) read.add(v);
            }
        }
        return read.size() == 1 ? read.iterator().next() : null;
    }

    /** Whether the graph shows this hook. */
    public boolean has(HookId hook) {
        return places.containsKey(hook);
    }

    /** Where the hook's value is; one that was not found is refused. */
    Place place(HookId hook) {
        Place place = places.get(hook);
        if (place == null) throw refusal(hook);
        return place;
    }

    /** Why the graph does not show a hook that its family has. */
    public String why(HookPoint point) {
        if (file.nodes().stream().anyMatch(n -> n.op().equals("If")) && modules.isEmpty()) {
            return "the layers lie in the branches of an If node, out of which nothing can be read";
        }
        String fused = file.nodes().stream()
                .map(Node::op)
                .filter(FUSED::contains)
                .findFirst()
                .orElse(null);
        boolean inAttention = point == ROT_Q || point == K || point == ATTN_SCORES || point == PATTERN;
        if (fused != null && inAttention)
            return "the graph computes attention in one operator, " + fused + ", which shows nothing inside";
        if (point == RESULT) return "the graph adds the heads up in one product";
        return "no value of the graph was found by the names that exporters give it";
    }

    public static String instead() {
        return INSTEAD;
    }

    public Problem refusal(HookId hook) {
        return Problem.unsupported("this ONNX file does not show the hook: " + why(hook.point()))
                .where(hook.name())
                .instead(INSTEAD);
    }
}
