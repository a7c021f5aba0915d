package org.llminspector.web.server.tensor;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Writer of NumPy's .npy and .npz. Formats that NumPy lacks (bfloat16, float8) become float32. */
public final class Npy {

    private static final int ALIGN = 64;
    private static final int CHUNK = 1 << 18;

    private Npy() {}

    public static void write(OutputStream out, Tensor tensor) throws IOException {
        String descr = descr(tensor.dtype());
        String shape = Arrays.stream(tensor.shape()).mapToObj(n -> n + ",").collect(Collectors.joining(" ", "(", ")"));
        String dict = "{'descr': '" + (descr == null ? "<f4" : descr) + "', 'fortran_order': False, 'shape': " + shape
                + ", }";
        int length = dict.length() + 1;
        int padded = (10 + length + ALIGN - 1) / ALIGN * ALIGN - 10;
        ByteBuffer header = ByteBuffer.allocate(10 + padded).order(ByteOrder.LITTLE_ENDIAN);
        header.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        header.put((byte) 1).put((byte) 0).putShort((short) padded);
        header.put((dict + " ".repeat(padded - length) + "\n").getBytes(StandardCharsets.US_ASCII));
        out.write(header.array());
        if (descr != null) copy(tensor.data(), out);
        else decoded(tensor, out);
    }

    /** A zip with one .npy per name, uncompressed; the tensors are looked up one at a time. */
    public static void writeZip(OutputStream out, Iterable<String> names, Function<String, Tensor> tensors)
            throws IOException {
        ZipOutputStream zip = new ZipOutputStream(out);
        zip.setLevel(Deflater.NO_COMPRESSION);
        for (String name : names) {
            zip.putNextEntry(new ZipEntry(name + ".npy"));
            write(zip, tensors.apply(name));
            zip.closeEntry();
        }
        zip.finish();
    }

    private static String descr(DType dtype) {
        return Map.of(
                        DType.F64, "<f8",
                        DType.F32, "<f4",
                        DType.F16, "<f2",
                        DType.I64, "<i8",
                        DType.I32, "<i4",
                        DType.I16, "<i2",
                        DType.I8, "|i1",
                        DType.U8, "|u1",
                        DType.BOOL, "|b1")
                .get(dtype);
    }

    private static void copy(ByteBuffer data, OutputStream out) throws IOException {
        WritableByteChannel channel = Channels.newChannel(out);
        while (data.hasRemaining()) channel.write(data);
    }

    private static void decoded(Tensor tensor, OutputStream out) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
        for (long i = 0; i < tensor.size(); i++) {
            chunk.putFloat((float) tensor.get(i));
            if (chunk.hasRemaining() && i < tensor.size() - 1) continue;
            out.write(chunk.array(), 0, chunk.position());
            chunk.clear();
        }
    }
}
