package org.llminspector.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Bytes;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;

/**
 * Streaming writer of .safetensors files.
 *
 * <p>The header lists the tensors in the map's order. Their bytes follow in that order, but sorted by descending
 * element size: the format allows no gaps, and so every tensor is aligned to its elements.
 */
public final class SafetensorsWriter {

    private SafetensorsWriter() {}

    /**
     * Writes a file atomically: a temporary file in the same folder, renamed to the target.
     *
     * @param tensors in the order of the header: a sorted or linked map
     * @param metadata may be empty
     */
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
        Writes.atomically(file, out -> write(out, tensors, metadata));
    }

    /** Writes to an open channel and leaves it open. */
    public static void write(WritableByteChannel out, Map<String, Tensor> tensors, Map<String, String> metadata)
            throws IOException {
        List<Map.Entry<String, Tensor>> order = new ArrayList<>(tensors.entrySet());
        order.sort(Comparator.comparingInt(e -> -e.getValue().dtype().bytes()));
        Bytes.of(header(tensors, order, metadata)).writeTo(out);
        for (Map.Entry<String, Tensor> e : order) e.getValue().bytes().writeTo(out);
    }

    private static ByteBuffer header(
            Map<String, Tensor> tensors, List<Map.Entry<String, Tensor>> order, Map<String, String> metadata)
            throws IOException {
        Map<String, Long> begins = new HashMap<>();
        long offset = 0;
        for (Map.Entry<String, Tensor> e : order) {
            begins.put(e.getKey(), offset);
            offset = Math.addExact(offset, e.getValue().byteSize());
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(new byte[8]);
        try (JsonGenerator json = UntrustedJson.FACTORY.createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(SafetensorsHeader.METADATA);
                for (Map.Entry<String, String> e : metadata.entrySet()) json.writeStringField(e.getKey(), e.getValue());
                json.writeEndObject();
            }
            for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
                if (e.getKey().equals(SafetensorsHeader.METADATA)) {
                    throw new IllegalArgumentException("a tensor may not be called " + e.getKey());
                }
                Tensor tensor = e.getValue();
                long begin = begins.get(e.getKey());
                json.writeObjectFieldStart(e.getKey());
                json.writeStringField("dtype", tensor.dtype().name());
                json.writeFieldName("shape");
                json.writeArray(tensor.shape(), 0, tensor.rank());
                json.writeFieldName("data_offsets");
                json.writeArray(new long[] {begin, begin + tensor.byteSize()}, 0, 2);
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        while (bytes.size() % 8 != 0) bytes.write(' ');
        int length = bytes.size() - 8;
        if (length > SafetensorsHeader.MAX_HEADER) {
            throw Problem.tooLarge("the header would be larger than safetensors allows")
                    .expected("at most " + SafetensorsHeader.MAX_HEADER + " bytes")
                    .found(length);
        }
        ByteBuffer header = ByteBuffer.wrap(bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(0, length);
        return header;
    }
}
