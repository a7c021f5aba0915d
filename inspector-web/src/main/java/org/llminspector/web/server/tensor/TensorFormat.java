package org.llminspector.web.server.tensor;

import io.javalin.http.Context;
import java.util.Locale;
import org.llminspector.base.Problem;
import org.llminspector.web.server.http.HttpProblem;

/** Encoding of a tensor in an answer. */
public enum TensorFormat {
    SAFETENSORS("application/octet-stream"),
    NPY("application/x-npy"),
    JSON("application/json");

    private final String mediaType;

    TensorFormat(String mediaType) {
        this.mediaType = mediaType;
    }

    public String mediaType() {
        return mediaType;
    }

    /** The first known format in the Accept header; safetensors when it accepts anything. */
    public static TensorFormat accepted(Context ctx) {
        String accept = ctx.header("Accept");
        if (accept == null || accept.isBlank()) return SAFETENSORS;
        for (String range : accept.toLowerCase(Locale.ROOT).split(",", -1)) {
            String type = range.replaceFirst(";.*", "").trim();
            for (TensorFormat f : values()) if (f.mediaType.equals(type)) return f;
            if (type.equals("application/*") || type.equals("*/*")) return SAFETENSORS;
        }
        throw new HttpProblem(
                406,
                "not-acceptable",
                Problem.invalid("tensors do not come in this format")
                        .where("Accept")
                        .expected("application/octet-stream (safetensors), application/x-npy or application/json")
                        .found('"' + accept + '"'));
    }
}
