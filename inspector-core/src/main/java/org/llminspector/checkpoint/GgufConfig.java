package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.llminspector.checkpoint.gguf.GgufFile;

/**
 * A GGUF file's metadata in the form of Hugging Face's config.json.
 *
 * @param predicting the blocks after the model's, which predict further tokens
 * @param numbers scalars that are tensors in Hugging Face's model and metadata in the file
 */
record GgufConfig(ObjectNode json, int nHeads, int nKvHeads, List<String> predicting, Map<String, Float> numbers) {

    /** Tensors that belong to the config. */
    static final Set<String> ROPE_TENSORS = Set.of(GgufRope.LLAMA3, GgufRope.SHORT, GgufRope.LONG);

    static GgufConfig read(String name, GgufArchitecture architecture, GgufFile file) {
        GgufFields fields = new GgufFields(name, file);
        architecture.fields().accept(fields);
        fields.keys.refuseWhatWasNotUnderstood();
        int blocks = fields.keys.size("block_count");
        List<String> predicting = IntStream.range(fields.layers, blocks)
                .mapToObj(i -> "blk." + i + ".")
                .toList();
        return new GgufConfig(fields.json, fields.heads, fields.kvHeads, predicting, fields.numbers);
    }

    String modelType() {
        return json.get("model_type").asText();
    }
}
