package org.llminspector.checkpoint.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.StrictUtf8;

/**
 * Checked header of a GGUF file: metadata and tensor table.
 *
 * <p>The format: "GGUF", u32 version, u64 tensors, u64 keys; a key is a string, a u32 type and a value; a tensor is a
 * name, u32 rank, u64 sizes (columns first), u32 type and u64 offset; the tensors' bytes follow, aligned.
 */
record GgufHeader(Map<String, Object> metadata, Map<String, GgufTensor> tensors) {

    /** More than in any model. */
    static final int MAX_TENSORS = 100_000;

    static final int MAX_KEYS = 65_536;
    /** ggml's limit. */
    static final int MAX_RANK = 4;

    static final int MAX_NAME = 4_096;
    /** The longest known string, a chat template, has about 20 kB. */
    static final int MAX_STRING = 16 << 20;

    private static final int MAGIC = 0x46554747; // "GGUF"
    private static final long DEFAULT_ALIGNMENT = 32;
    private static final long MAX_ALIGNMENT = 1 << 20;

    static GgufHeader read(Path path, FileChannel channel) throws IOException {
        return new Parser(path, new HeaderBytes(path, channel)).read();
    }

    /** Parser of a header; every Problem names the file and the field. */
    private static final class Parser {

        private final Path path;
        private final HeaderBytes in;
        private final Map<String, Object> metadata = new LinkedHashMap<>();

        Parser(Path path, HeaderBytes in) {
            this.path = path;
            this.in = in;
        }

        GgufHeader read() throws IOException {
            magic();
            version();
            int tensors = (int) in.field("tensor count").count(25, MAX_TENSORS);
            int keys = (int) in.field("key count").count(13, MAX_KEYS);
            ValueReader values = new ValueReader(in);
            for (int i = 0; i < keys; i++) {
                String key = name("key " + i);
                in.field("key " + Problem.shown(key));
                if (metadata.containsKey(key))
                    throw Problem.invalid("the metadata has a key twice").where(in.at());
                metadata.put(key, values.read());
            }
            List<GgufTensor> list = new ArrayList<>();
            for (int i = 0; i < tensors; i++) list.add(tensor(i));
            return new GgufHeader(Collections.unmodifiableMap(metadata), layout(list));
        }

        private void magic() throws IOException {
            if (in.size() < 24) {
                throw Problem.invalid("the file is too short to be GGUF")
                        .where(path)
                        .expected("at least 24 bytes")
                        .found(in.size() + " bytes")
                        .instead("download the file again");
            }
            int magic = in.i32();
            if (magic == MAGIC) return;
            String text = new String(
                    ByteBuffer.allocate(4).putInt(Integer.reverseBytes(magic)).array(), StandardCharsets.ISO_8859_1);
            if (text.equals("vers")) {
                throw Problem.invalid("this is a Git LFS pointer, not the weights themselves")
                        .where(path)
                        .found(in.size() + " bytes of text")
                        .instead("run `git lfs pull` in the model's folder, or download the file again");
            }
            throw Problem.invalid("this is not a GGUF file")
                    .where(path + ", magic")
                    .expected("\"GGUF\"")
                    .found(Problem.shown(text))
                    .instead("files of llama.cpp from before August 2023 (ggml, ggjt) must be converted anew");
        }

        private void version() throws IOException {
            int version = in.field("version").i32();
            if (version == 2 || version == 3) return;
            boolean big = Integer.reverseBytes(version) >= 1 && Integer.reverseBytes(version) <= 3;
            throw Problem.unsupported(big ? "the file is big-endian" : "this version of GGUF is not supported")
                    .where(in.at())
                    .expected("2 or 3, little-endian")
                    .found(big ? "version " + Integer.reverseBytes(version) : Integer.toUnsignedString(version))
                    .instead("download a newer conversion of the model");
        }

        private String name(String what) throws IOException {
            int length = (int) in.field(what + ", name length").count(1, MAX_NAME);
            byte[] bytes = in.field(what + ", name").bytes(length);
            try {
                return StrictUtf8.decode(bytes);
            } catch (CharacterCodingException e) {
                throw Problem.invalid("a name is not valid UTF-8")
                        .where(in.at())
                        .causedBy(e);
            }
        }

        private GgufTensor tensor(int i) throws IOException {
            String name = name("tensor " + i);
            String at = "tensor " + Problem.shown(name);
            long rank = in.field(at + ", rank").u32();
            if (rank > MAX_RANK) {
                throw Problem.invalid("the tensor has more axes than ggml allows")
                        .where(in.at())
                        .expected("at most " + MAX_RANK)
                        .found(rank);
            }
            in.field(at + ", shape");
            Long[] shape = new Long[(int) rank];
            for (int a = shape.length - 1; a >= 0; a--) shape[a] = in.i64();
            long typeId = in.field(at + ", type").u32();
            GgmlType type = type(typeId);
            long offset = in.field(at + ", offset").i64();
            List<Long> list = Arrays.asList(shape);
            return new GgufTensor(name, type, list, offset, bytes(at, type, list));
        }

        private GgmlType type(long id) {
            GgmlType type = GgmlType.of(id);
            if (type != null) return type;
            String known = GgmlType.unread(id);
            throw Problem.unsupported("a tensor's type is not one this program reads")
                    .where(in.at())
                    .expected(Arrays.toString(GgmlType.values()))
                    .found(known == null ? "type number " + id : known)
                    .instead("take another quantization of the model, such as Q4_K_M or Q8_0");
        }

        private long bytes(String at, GgmlType type, List<Long> shape) {
            in.field(at + ", shape");
            long row = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
            try {
                // Zeros count as ones, so that products of part of the shape are checked for overflow too.
                long most = type.blockBytes();
                for (long d : shape) {
                    if (d < 0) throw new ArithmeticException();
                    most = Math.multiplyExact(most, Math.max(1, d));
                }
                if (row % type.blockSize() != 0) {
                    throw Problem.invalid("the tensor's rows are not whole blocks")
                            .where(in.at())
                            .expected("a multiple of " + type.blockSize() + " for " + type)
                            .found(row);
                }
                return shape.contains(0L) ? 0 : most / type.blockSize();
            } catch (ArithmeticException e) {
                throw Problem.invalid("the shape has more elements than a number can count")
                        .where(in.at())
                        .found(shape.stream().map(Long::toUnsignedString).toList());
            }
        }

        private long alignment() {
            Object value = metadata.getOrDefault("general.alignment", DEFAULT_ALIGNMENT);
            if (value instanceof Long a && a >= 1 && a <= MAX_ALIGNMENT && Long.bitCount(a) == 1) return a;
            throw Problem.invalid("the alignment is not a power of two")
                    .where(path + ", key \"general.alignment\"")
                    .expected("1, 2, 4 ... " + MAX_ALIGNMENT)
                    .found(value instanceof Number || value instanceof Boolean ? value : "another type");
        }

        /** Checks that the tensors are inside the file, aligned and not overlapping; returns them in file order. */
        private Map<String, GgufTensor> layout(List<GgufTensor> list) {
            long alignment = alignment();
            long start = (in.position() + alignment - 1) / alignment * alignment;
            List<GgufTensor> sorted = new ArrayList<>(list);
            sorted.sort(Comparator.comparingLong(GgufTensor::offset).thenComparingLong(GgufTensor::bytes));
            Map<String, GgufTensor> tensors = new LinkedHashMap<>(sorted.size() * 2);
            long next = 0;
            for (GgufTensor t : sorted) {
                in.field("tensor " + Problem.shown(t.name()) + ", offset");
                if (t.offset() < 0 || t.offset() % alignment != 0) {
                    throw Problem.invalid("the tensor's offset is not aligned")
                            .where(in.at())
                            .expected("a multiple of " + alignment)
                            .found(Long.toUnsignedString(t.offset()));
                }
                if (t.offset() > in.size() - start || t.bytes() > in.size() - start - t.offset()) {
                    throw Problem.invalid("the tensor reaches beyond the end of the file")
                            .where(in.at())
                            .expected("offset and length within " + Math.max(0, in.size() - start) + " bytes")
                            .found(t.offset() + " and " + t.bytes())
                            .instead("the download stopped early or the file is damaged: download it again");
                }
                if (t.offset() < next) {
                    throw Problem.invalid("two tensors overlap")
                            .where(in.at())
                            .expected("at least " + next)
                            .found(t.offset());
                }
                next = t.offset() + t.bytes();
                GgufTensor placed = new GgufTensor(t.name(), t.type(), t.shape(), start + t.offset(), t.bytes());
                if (tensors.put(t.name(), placed) != null) {
                    throw Problem.invalid("the file names a tensor twice").where(in.at());
                }
            }
            return Collections.unmodifiableMap(tensors);
        }
    }
}
