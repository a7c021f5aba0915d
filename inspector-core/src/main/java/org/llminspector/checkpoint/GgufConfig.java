package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;
import org.llminspector.checkpoint.gguf.GgufFile;

/**
 * GgufConfig is a GGUF file's metadata as the config.json that Hugging Face would have for it.
 *
 * @param numbers what Hugging Face has as tensors of one number and the file as metadata
 */
record GgufConfig(ObjectNode json, int nHeads, int nKvHeads, Map<String, Float> numbers) {

    /** Tensors that are part of the config. */
    static final Set<String> ROPE_TENSORS = Set.of(GgufRope.LLAMA3, GgufRope.SHORT, GgufRope.LONG);

    static GgufConfig read(String name, GgufArchitecture architecture, GgufFile file) {
        GgufFields fields = new GgufFields(name, file);
        architecture.fields().accept(fields);
        fields.keys.refuseWhatWasNotUnderstood();
        return new GgufConfig(fields.json, fields.heads, fields.kvHeads, fields.numbers);
    }

    String modelType() {
        return json.get("model_type").asText();
    }
}
