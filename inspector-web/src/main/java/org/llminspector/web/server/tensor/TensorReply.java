package org.llminspector.web.server.tensor;

import io.javalin.http.Context;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsWriter;

/** Writer of one tensor as an answer, streamed from its bytes. */
public final class TensorReply {

    /** Limit of JSON answers: browsers cannot handle more, and binary is a tenth of the size. */
    public static final int MAX_JSON_VALUES = 1_000_000;

    private TensorReply() {}

    /** Throws when the format does not allow this number of values. */
    public static void check(TensorFormat format, long values, String where) {
        if (format != TensorFormat.JSON || values <= MAX_JSON_VALUES) return;
        throw Problem.tooLarge("these are too many values for JSON")
                .where(where)
                .expected("at most " + MAX_JSON_VALUES + " values")
                .found(values + " values")
                .instead(
                        "take a slice, or ask for Accept: application/octet-stream (safetensors) or application/x-npy");
    }

    /**
     * @param name the tensor's name in a safetensors answer
     * @param head fields before the values in a JSON answer
     */
    public static void write(Context ctx, TensorFormat format, String name, Map<String, ?> head, Tensor tensor)
            throws IOException {
        ctx.contentType(format.mediaType());
        ctx.header("X-Dtype", tensor.dtype().name().toLowerCase(Locale.ROOT));
        ctx.header(
                "X-Shape",
                Arrays.stream(tensor.shape()).mapToObj(Long::toString).collect(Collectors.joining(",")));
        if (format == TensorFormat.JSON) {
            JsonTensor.write(ctx.outputStream(), head, Map.of("values", tensor));
            return;
        }
        OutputStream out = ctx.res().getOutputStream(); // floats hardly compress
        if (format == TensorFormat.NPY) Npy.write(out, tensor);
        else SafetensorsWriter.write(Channels.newChannel(out), Map.of(name, tensor), Map.of());
    }
}
