package org.llminspector.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.DType;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Weight;

/** Locates an ONNX model's weights in its own file and in external files of the same folder. */
final class OnnxWeightFiles {

    /** Number formats of external weights that can be passed to ONNX Runtime. */
    private static final Set<DType> GIVEN =
            EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.I8, DType.U8, DType.I32, DType.I64);

    private OnnxWeightFiles() {}

    /** The file itself, then its external files; checks that they are in its folder and long enough. */
    static List<WeightSource> of(OnnxFile model) {
        Map<Path, Map<String, TensorInfo>> files = new LinkedHashMap<>();
        files.put(model.path(), new LinkedHashMap<>());
        for (Weight w : model.weights()) {
            Path file = w.location() == null ? model.path() : externalFile(model.path(), w);
            DType dtype = dtype(w.type());
            boolean readable = dtype != null && w.offset() != -1;
            if (!readable || (w.location() != null && !GIVEN.contains(dtype))) {
                if (w.location() == null) continue; // not raw bytes: ONNX Runtime reads these
                throw Problem.unsupported("a weight in another file has a number format that is not read here")
                        .where(model.path() + ", weight " + Names.shown(w.name()))
                        .found("TensorProto.DataType " + w.type());
            }
            files.computeIfAbsent(file, f -> new LinkedHashMap<>()).put(w.name(), info(model, w, file, dtype));
        }
        List<WeightSource> sources = new ArrayList<>();
        files.forEach((file, tensors) -> sources.add(new Mapped(file, tensors, bytes(model, file))));
        return sources;
    }

    private static FileBytes bytes(OnnxFile model, Path file) {
        if (file.equals(model.path())) return model.bytes();
        return Reads.uninterrupted(file, () -> {
            try (FileChannel channel = Reads.channel(file)) {
                return FileBytes.open(file, channel);
            }
        });
    }

    private static Path externalFile(Path model, Weight w) {
        String name = w.location();
        boolean plain = !name.isEmpty()
                && !name.equals(".")
                && !name.equals("..")
                && name.length() <= 255
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ' || c == 0x7F);
        if (!plain) {
            throw Problem.invalid("the ONNX file names a file that a model may not have")
                    .where(model + ", weight " + Names.shown(w.name()))
                    .expected("the name of a file in the same folder")
                    .found(Names.shown(name))
                    .instead("do not trust this model; take it from its original source");
        }
        return Links.check(model.toAbsolutePath().getParent(), name);
    }

    private static TensorInfo info(OnnxFile model, Weight w, Path file, DType dtype) {
        long bytes = dtype.bytes();
        try {
            for (long size : w.shape()) {
                if (size < 0) throw new ArithmeticException();
                bytes = Math.multiplyExact(bytes, size);
            }
        } catch (ArithmeticException e) {
            throw wrong(model, w, "a shape", w.shape());
        }
        long length = fileSize(file);
        if (w.bytes() != -1 && w.bytes() != bytes) throw wrong(model, w, bytes + " bytes", w.bytes());
        if (w.offset() < 0 || w.offset() > length || bytes > length - w.offset()) {
            throw wrong(
                    model, w, "bytes within " + file.getFileName(), "offset " + w.offset() + ", " + bytes + " bytes");
        }
        return new TensorInfo(w.name(), dtype, w.shape(), file, w.offset(), bytes);
    }

    private static Problem wrong(OnnxFile model, Weight w, String expected, Object found) {
        return Problem.invalid("a weight's bytes are not where the ONNX file says, or not as many")
                .where(model.path() + ", weight " + Names.shown(w.name()))
                .expected(expected)
                .found(found)
                .instead("download the model again");
    }

    private static long fileSize(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    /** Null for unsupported types. */
    private static DType dtype(int type) {
        return switch (type) {
            case 1 -> DType.F32;
            case 2 -> DType.U8;
            case 3 -> DType.I8;
            case 5 -> DType.I16;
            case 6 -> DType.I32;
            case 7 -> DType.I64;
            case 9 -> DType.BOOL;
            case 10 -> DType.F16;
            case 11 -> DType.F64;
            case 16 -> DType.BF16;
            default -> null;
        };
    }

    /** A file with tensors in parts of it. */
    private record Mapped(Path path, Map<String, TensorInfo> tensors, FileBytes bytesOfFile) implements WeightSource {

        @Override
        public Tensor tensor(String name) {
            TensorInfo info = tensors.get(name);
            long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
            if (info.bytes() == 0) return Tensor.of(info.dtype(), ByteBuffer.allocate(0), shape);
            return Reads.uninterrupted(path, () -> {
                try (FileChannel channel = Reads.channel(path)) {
                    return Tensor.of(info.dtype(), bytesOfFile.at(channel, info.offset(), info.bytes()), shape);
                }
            });
        }

        @Override
        public void close() {
            bytesOfFile.close();
        }
    }
}
