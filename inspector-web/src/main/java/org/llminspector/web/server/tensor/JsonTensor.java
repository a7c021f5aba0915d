package org.llminspector.web.server.tensor;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;

/** Streaming writer of tensors as nested JSON lists; values without a JSON number are "-inf", "inf" or "nan". */
public final class JsonTensor {

    private JsonTensor() {}

    public static void write(OutputStream out, Map<String, ?> head, Map<String, Tensor> tensors) throws IOException {
        try (JsonGenerator json = Json.mapper().createGenerator(out)) {
            json.writeStartObject();
            for (Map.Entry<String, ?> e : head.entrySet()) json.writePOJOField(e.getKey(), e.getValue());
            for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
                json.writeFieldName(e.getKey());
                values(json, e.getValue(), e.getValue().shape(), 0, 0);
            }
            json.writeEndObject();
        }
    }

    /** Writes the block that begins at element {@code at}; returns the index after it. */
    private static long values(JsonGenerator json, Tensor tensor, long[] shape, int axis, long at) throws IOException {
        if (axis == shape.length) {
            number(json, tensor, at);
            return at + 1;
        }
        json.writeStartArray();
        long next = at;
        for (long i = 0; i < shape[axis]; i++) next = values(json, tensor, shape, axis + 1, next);
        json.writeEndArray();
        return next;
    }

    private static void number(JsonGenerator json, Tensor tensor, long at) throws IOException {
        double value = tensor.get(at);
        if (Double.isNaN(value)) json.writeString("nan");
        else if (Double.isInfinite(value)) json.writeString(value < 0 ? "-inf" : "inf");
        else if (tensor.dtype() == DType.F64) json.writeNumber(value);
        else if (value == Math.rint(value) && Math.abs(value) < 1e15) json.writeNumber((long) value);
        else json.writeNumber((float) value);
    }
}
