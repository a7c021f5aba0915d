package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.torch.LayerScript.Product;
import org.llminspector.engine.torch.libtorch.OneDnn;
import org.llminspector.engine.torch.libtorch.Script;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * The fused form of a model: each layer is one TorchScript call, without hooks inside.
 *
 * <p>Shares its weights with the hooked form. Runs on the engine thread.
 */
final class FusedLayers implements AutoCloseable {

    private final DecoderSpec spec;
    private final NDManager manager;
    private final Script script;
    private final List<String> methods = new ArrayList<>(); // one per layer
    private final List<List<NDArray>> weights = new ArrayList<>();
    private final boolean onCpu;

    FusedLayers(DecoderSpec spec, TorchWeights weights, NDManager manager, KvFormats kvFormats) {
        this.spec = spec;
        this.manager = manager;
        this.onCpu = weights.onCpu();
        Product product = product(weights);
        StringBuilder text = new StringBuilder(LayerScript.helpers(product));
        Map<String, String> written = new LinkedHashMap<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerScript layer = new LayerScript(spec, i, weights, product, kvFormats);
            String name = "layer" + written.size();
            String known = written.putIfAbsent(layer.method(""), name);
            if (known == null) text.append(layer.method(name));
            methods.add(known == null ? name : known);
            this.weights.add(layer.weights());
        }
        script = Script.compile(manager, text.toString());
    }

    private static Product product(TorchWeights weights) {
        Linear o = Stream.of("attn.o", "conv.out", "ssm.out", "mlp.out")
                .map(m -> weights.linear("blocks.0." + m))
                .filter(Objects::nonNull)
                .findFirst()
                .orElseThrow();
        if (o.weight().getDataType() == DataType.FLOAT32) {
            return OneDnn.serves(o.weight().getDevice()) ? Product.ONE_DNN : Product.PLAIN;
        }
        return o.halfAlways() ? Product.HALF : Product.HALF_ALONE;
    }

    /**
     * The residual stream [1, pos, d_model] after layer i, or in a mixture after its attention; writes keys and values
     * to the cache.
     *
     * @param input the token's own input to this layer, or null
     */
    NDArray apply(int i, NDArray x, NDArray input, Positions.Pass pass, KvCache cache) {
        LayerSpec layer = spec.layers().get(i);
        Attention a = layer.attends() ? layer.attention() : null;
        List<NDArray> states = cache.states(i);
        int from = a == null || a.keysFrom() == null ? i : a.keysFrom(); // the layer whose keys it reads
        NDArray unread = states.isEmpty() ? x : states.get(0); // in the place of keys and values
        return script.callAsWritten(
                        manager,
                        methods.get(i),
                        x,
                        weights.get(i),
                        a == null ? unread : cache.allKeys(from),
                        a == null ? unread : cache.allValues(from),
                        a == null ? List.of() : cache.allScales(from),
                        states,
                        (long) cache.length(),
                        given(a, input, pass),
                        a == null ? List.of() : mask(a, pass))
                .get(0);
    }

    /** The layer's own input, RoPE's cos and sin, and the factors of queries, as far as it has them. */
    private static List<NDArray> given(Attention a, NDArray input, Positions.Pass pass) {
        List<NDArray> given = new ArrayList<>();
        if (input != null) given.add(input);
        if (a != null && a.rope() != null) given.addAll(pass.cosSin(a.rope()));
        if (a != null && a.queryScale() != null) given.add(pass.queryScale(a.queryScale()));
        return given;
    }

    /** Empty where the script's built-in causal mask suffices. */
    private List<NDArray> mask(Attention a, Positions.Pass pass) {
        boolean stepByStep = LayerScript.stepByStep(a, onCpu);
        boolean limited = a.reach().first(pass.end() - 1) > 0;
        boolean several = pass.count() > 1 && (pass.start() > 0 || limited || stepByStep);
        return several || a.alibi() != null ? List.of(pass.mask(a)) : List.of();
    }

    @Override
    public void close() {
        script.close();
    }
}
