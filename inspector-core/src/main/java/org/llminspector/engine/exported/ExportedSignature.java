package org.llminspector.engine.exported;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Value;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * Inputs and outputs of an exported decoder, with Optimum's names, checked against its config.
 *
 * @param inputs names of all inputs
 * @param outputs names of all outputs
 * @param cache number format of keys and values: FLOAT or FLOAT16
 */
record ExportedSignature(Set<String> inputs, Set<String> outputs, Type cache) {

    static final String IDS = "input_ids";
    static final String MASK = "attention_mask";
    static final String POSITIONS = "position_ids";
    static final String USE_CACHE = "use_cache_branch";
    static final String LOGITS = "logits";

    static ExportedSignature of(OnnxFile file, DecoderSpec spec) {
        Map<String, Value> inputs = byName(file, file.inputs());
        Map<String, Value> outputs = byName(file, file.outputs());
        Set<String> unknown = new HashSet<>(inputs.keySet());
        require(file, inputs, IDS, Type.INT64, 2);
        unknown.removeAll(Set.of(IDS, MASK, POSITIONS, USE_CACHE));
        if (inputs.containsKey(MASK)) require(file, inputs, MASK, Type.INT64, 2);
        if (inputs.containsKey(POSITIONS)) require(file, inputs, POSITIONS, Type.INT64, 2);
        if (inputs.containsKey(USE_CACHE)) require(file, inputs, USE_CACHE, Type.BOOL, 1);
        Value logits = require(file, outputs, LOGITS, null, 3);
        agree(file, logits, 2, spec.vocab());
        int halves = 0;
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            for (String what : List.of(".key", ".value")) {
                Value past = require(file, inputs, past(i + what), null, 4);
                Value present = require(file, outputs, present(i + what), null, 4);
                for (Value v : List.of(past, present)) {
                    agree(file, v, 1, a.nKvHeads());
                    agree(file, v, 3, a.dHead());
                }
                if (past.type() == Type.FLOAT16.number) halves++;
                else if (past.type() != Type.FLOAT.number) {
                    throw wrong(file, past, "float or float16", "TensorProto.DataType " + past.type());
                }
                unknown.remove(past.name());
            }
        }
        if (halves != 0 && halves != 2 * spec.nLayers()) {
            throw Problem.unsupported("some keys and values are float16 and some float")
                    .where(file.path());
        }
        if (!unknown.isEmpty()) {
            throw Problem.unsupported("the graph wants inputs that this program does not know")
                    .where(file.path())
                    .expected("input_ids, attention_mask, position_ids, use_cache_branch, past_key_values.N.key and"
                            + " .value for " + spec.nLayers() + " layers")
                    .found(unknown.stream().sorted().limit(8).map(Names::shown).collect(Collectors.joining(", ")));
        }
        return new ExportedSignature(
                Set.copyOf(inputs.keySet()), Set.copyOf(outputs.keySet()), halves == 0 ? Type.FLOAT : Type.FLOAT16);
    }

    static String past(String part) {
        return "past_key_values." + part;
    }

    static String present(String part) {
        return "present." + part;
    }

    boolean isOutput(String value) {
        return outputs.contains(value);
    }

    private static Map<String, Value> byName(OnnxFile file, List<Value> values) {
        try {
            return values.stream().collect(Collectors.toMap(Value::name, Function.identity()));
        } catch (IllegalStateException e) {
            throw Problem.invalid("two inputs or outputs have the same name").where(file.path());
        }
    }

    private static Value require(OnnxFile file, Map<String, Value> values, String name, Type type, int axes) {
        Value v = values.get(name);
        if (v == null) {
            throw Problem.unsupported("the graph is no decoder with a cache, as Optimum exports them")
                    .where(file.path())
                    .expected("an input or output " + name)
                    .found(values.keySet().stream()
                            .sorted()
                            .limit(8)
                            .map(Names::shown)
                            .collect(Collectors.joining(", ")))
                    .instead("export it with `optimum-cli export onnx --task text-generation-with-past`");
        }
        if (type != null && v.type() != type.number) {
            throw wrong(file, v, type.name().toLowerCase(java.util.Locale.ROOT), "TensorProto.DataType " + v.type());
        }
        if (v.shape() != null && v.shape().size() != axes) throw wrong(file, v, axes + " axes", v.shape());
        return v;
    }

    /** Checks a static size of the graph against the config. */
    private static void agree(OnnxFile file, Value v, int axis, long size) {
        if (v.shape() == null || v.shape().get(axis) < 0 || v.shape().get(axis) == size) return;
        throw wrong(file, v, size + " on axis " + axis + ", as config.json says", v.shape());
    }

    private static Problem wrong(OnnxFile file, Value v, String expected, Object found) {
        return Problem.invalid("the graph and config.json do not fit each other, or the graph is of another kind")
                .where(file.path() + ", " + Names.shown(v.name()))
                .expected(expected)
                .found(found);
    }
}
