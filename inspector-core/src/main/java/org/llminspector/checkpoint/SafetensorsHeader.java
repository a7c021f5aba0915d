package org.llminspector.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.base.DType;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;

/**
 * Checked header of a safetensors file: tensor table and metadata.
 *
 * <p>The format: 8 bytes little-endian length N, N bytes of JSON, then the tensors' bytes back to back. It is parsed as
 * a stream, without a tree of nodes, so that a 100 MB header takes little memory.
 */
record SafetensorsHeader(Map<String, TensorInfo> tensors, Map<String, String> metadata, long fileBytes) {

    /** The reference implementation's limit. */
    static final long MAX_HEADER = 100_000_000;
    /** More than in any model (the largest have about 100,000), and few enough for any heap. */
    static final int MAX_TENSORS = 500_000;

    static final int MAX_RANK = 64;
    static final int MAX_METADATA_CHARS = 16 << 20;
    static final String METADATA = "__metadata__";

    private static final Map<String, DType> DTYPES =
            Arrays.stream(DType.values()).collect(Collectors.toUnmodifiableMap(DType::name, d -> d));

    static SafetensorsHeader read(Path path, FileChannel channel) throws IOException {
        return new Parser(path, channel).read();
    }

    /** A tensor as the header declares it; offsets count from the end of the header. */
    private record Entry(String name, DType dtype, List<Long> shape, long begin, long end) {}

    /** Parser of a header; every Problem names the file and, where applicable, the tensor and the field. */
    private static final class Parser {

        private final Path path;
        private final FileChannel channel;
        private final Map<String, Entry> entries = new LinkedHashMap<>();
        private Map<String, String> metadata;
        /** The entry being read, or null. */
        private String current;

        private Parser(Path path, FileChannel channel) {
            this.path = path;
            this.channel = channel;
        }

        SafetensorsHeader read() throws IOException {
            long fileBytes = channel.size();
            long headerBytes = headerLength(fileBytes);
            parse(headerBytes);
            return new SafetensorsHeader(
                    layout(8 + headerBytes, fileBytes), metadata == null ? Map.of() : metadata, fileBytes);
        }

        private long headerLength(long fileBytes) throws IOException {
            if (fileBytes < 8) {
                throw refuse("the file is too short to be safetensors")
                        .where(path)
                        .expected("8 bytes of header length, then the header")
                        .found(fileBytes + " bytes")
                        .instead("download the file again");
            }
            byte[] prefix = new byte[(int) Math.min(fileBytes, 9)];
            readFully(ByteBuffer.wrap(prefix), 0);
            long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
            if (new String(prefix, 0, 8, StandardCharsets.ISO_8859_1).equals("version ")) {
                throw refuse("this is a Git LFS pointer, not the weights themselves")
                        .where(path)
                        .found(fileBytes + " bytes of text")
                        .instead("run `git lfs pull` in the model's folder, or download the file again");
            }
            if (length < 0 || length > MAX_HEADER) {
                throw refuse("the header is larger than safetensors allows")
                        .where(path + ", header length")
                        .expected("at most " + MAX_HEADER + " bytes")
                        .found(Long.toUnsignedString(length))
                        .instead("this is not a safetensors file, or it is damaged: download it again");
            }
            if (length > fileBytes - 8) {
                throw refuse("the file ends inside its header")
                        .where(path + ", header length")
                        .expected("a file of at least " + (length + 8) + " bytes")
                        .found(fileBytes + " bytes")
                        .instead("the download stopped early or the file is damaged: download it again");
            }
            if (length < 2 || prefix[8] != '{') {
                throw refuse("the header does not start with '{'")
                        .where(path + ", header")
                        .expected("a JSON object")
                        .found(length == 0 ? "an empty header" : Names.shown(String.valueOf((char) (prefix[8] & 0xFF))))
                        .instead("this is not a safetensors file, or it is damaged: download it again");
            }
            return length;
        }

        private void readFully(ByteBuffer into, long position) throws IOException {
            while (into.hasRemaining()) {
                int n = channel.read(into, position + into.position());
                if (n < 0) throw new IOException("the file became shorter while it was read");
            }
        }

        private void parse(long headerBytes) throws IOException {
            Reader reader = new InputStreamReader(
                    new Part(channel, 8, headerBytes),
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .onMalformedInput(CodingErrorAction.REPORT)
                            .onUnmappableCharacter(CodingErrorAction.REPORT));
            try (JsonParser json = UntrustedJson.FACTORY.createParser(reader)) {
                json.nextToken();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String name = json.currentName();
                    current = name;
                    json.nextToken();
                    if (name.equals(METADATA)) {
                        metadata(json);
                    } else {
                        if (entries.size() == MAX_TENSORS) {
                            throw refuse("the file has more tensors than this program opens")
                                    .where(path + ", header")
                                    .expected("at most " + MAX_TENSORS);
                        }
                        if (entries.put(name, entry(name, json)) != null) {
                            throw refuse("the header names a tensor twice").where(at(name));
                        }
                    }
                }
                current = null;
                if (json.nextToken() != null) {
                    throw refuse("something follows the header's JSON object")
                            .where(path + ", header")
                            .expected("spaces up to the header's end")
                            .found(json.currentToken());
                }
            } catch (CharacterCodingException e) {
                throw refuse("the header is not valid UTF-8")
                        .where(current == null ? path + ", header" : at(current))
                        .found(e.getMessage())
                        .instead("the file is damaged: download it again");
            } catch (JsonProcessingException e) {
                throw refuse("the header is not valid JSON")
                        .where(current == null ? path + ", header" : at(current))
                        .found(e.getOriginalMessage()
                                + (e.getLocation() == null
                                        ? ""
                                        : " at character " + e.getLocation().getCharOffset()))
                        .instead("the file is damaged: download it again");
            }
        }

        private void metadata(JsonParser json) throws IOException {
            String where = path + ", " + METADATA;
            if (metadata != null)
                throw refuse("the header has its metadata twice").where(where);
            if (json.currentToken() != JsonToken.START_OBJECT) {
                throw refuse("the metadata is not a JSON object").where(where).found(json.currentToken());
            }
            Map<String, String> found = new LinkedHashMap<>();
            long chars = 0;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw refuse("a metadata value is not a string")
                            .where(where + "." + Names.shown(key))
                            .expected("a string")
                            .found(json.currentToken());
                }
                chars += (long) key.length() + json.getTextLength();
                if (chars > MAX_METADATA_CHARS) {
                    throw refuse("the metadata is too large")
                            .where(where)
                            .expected("at most " + MAX_METADATA_CHARS + " characters");
                }
                if (found.put(key, json.getText()) != null) {
                    throw refuse("the metadata has a key twice").where(where + "." + Names.shown(key));
                }
            }
            metadata = Collections.unmodifiableMap(found);
        }

        private Entry entry(String name, JsonParser json) throws IOException {
            if (json.currentToken() != JsonToken.START_OBJECT) {
                throw refuse("a tensor's description is not a JSON object")
                        .where(at(name))
                        .found(json.currentToken());
            }
            DType dtype = null;
            List<Long> shape = null;
            List<Long> offsets = null;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                json.nextToken();
                Object before;
                switch (field) {
                    case "dtype" -> {
                        before = dtype;
                        dtype = dtype(name, json);
                    }
                    case "shape" -> {
                        before = shape;
                        shape = numbers(name, field, MAX_RANK, json);
                    }
                    case "data_offsets" -> {
                        before = offsets;
                        offsets = numbers(name, field, 2, json);
                    }
                    default ->
                        throw refuse("a tensor has a field that safetensors does not have")
                                .where(at(name))
                                .expected("dtype, shape and data_offsets")
                                .found(Names.shown(field));
                }
                if (before != null) throw refuse("a tensor has a field twice").where(at(name) + ", field " + field);
            }
            require(name, "dtype", dtype);
            require(name, "shape", shape);
            require(name, "data_offsets", offsets);
            return checked(name, dtype, shape, offsets);
        }

        private void require(String name, String field, Object value) {
            if (value == null) throw refuse("a tensor lacks a field").where(at(name) + ", field " + field);
        }

        private DType dtype(String name, JsonParser json) throws IOException {
            boolean text = json.currentToken() == JsonToken.VALUE_STRING;
            DType dtype = text ? DTYPES.get(json.getText()) : null;
            if (dtype == null) {
                throw Problem.unsupported("a tensor's number format is not one this program reads")
                        .where(at(name) + ", field dtype")
                        .expected(Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", ")))
                        .found(text ? Names.shown(json.getText()) : json.currentToken())
                        .instead("convert the checkpoint to one of these formats");
            }
            return dtype;
        }

        private List<Long> numbers(String name, String field, int most, JsonParser json) throws IOException {
            String where = at(name) + ", field " + field;
            if (json.currentToken() != JsonToken.START_ARRAY) {
                throw refuse("this is not a list of numbers").where(where).found(json.currentToken());
            }
            List<Long> numbers = new ArrayList<>(4);
            while (json.nextToken() != JsonToken.END_ARRAY) {
                if (json.currentToken() != JsonToken.VALUE_NUMBER_INT
                        || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                        || json.getLongValue() < 0) {
                    throw refuse("this is not a whole number from 0 to 2^63 - 1")
                            .where(where)
                            .found(
                                    json.currentToken() == null
                                            ? "the header's end"
                                            : Names.shown(String.valueOf(json.getText())));
                }
                if (numbers.size() == most) {
                    throw refuse("the list is too long").where(where).expected("at most " + most + " numbers");
                }
                numbers.add(json.getLongValue());
            }
            return numbers;
        }

        private Entry checked(String name, DType dtype, List<Long> shape, List<Long> offsets) {
            if (offsets.size() != 2) {
                throw refuse("the offsets are not two numbers")
                        .where(at(name) + ", field data_offsets")
                        .expected("[begin, end]")
                        .found(offsets);
            }
            long begin = offsets.get(0);
            long end = offsets.get(1);
            if (begin > end) {
                throw refuse("the tensor ends before it begins")
                        .where(at(name) + ", field data_offsets")
                        .found(offsets);
            }
            long bytes;
            try {
                // Zeros count as ones, so that products of part of the shape are checked for overflow too.
                long most = dtype.bytes();
                for (long d : shape) most = Math.multiplyExact(most, Math.max(1, d));
                bytes = shape.contains(0L) ? 0 : most;
            } catch (ArithmeticException e) {
                throw refuse("the shape has more elements than a number can count")
                        .where(at(name) + ", field shape")
                        .found(shape);
            }
            if (bytes != end - begin) {
                throw refuse("the tensor's bytes do not fit its shape")
                        .where(at(name) + ", field data_offsets")
                        .expected(bytes + " bytes for " + dtype + shape)
                        .found((end - begin) + " bytes, " + offsets)
                        .instead("the file is damaged or its writer is wrong: download or convert it again");
            }
            return new Entry(name, dtype, List.copyOf(shape), begin, end);
        }

        /** Checks that the tensors cover the rest of the file exactly; returns them in file order. */
        private Map<String, TensorInfo> layout(long dataStart, long fileBytes) {
            List<Entry> sorted = new ArrayList<>(entries.values());
            sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
            Map<String, TensorInfo> tensors = new LinkedHashMap<>(sorted.size() * 2);
            long dataBytes = fileBytes - dataStart;
            long next = 0;
            Entry previous = null;
            for (Entry e : sorted) {
                if (e.end() > dataBytes) {
                    throw refuse("the tensor reaches beyond the end of the file")
                            .where(at(e.name()) + ", field data_offsets")
                            .expected("offsets up to " + dataBytes)
                            .found("[" + e.begin() + ", " + e.end() + "]")
                            .instead("the download stopped early or the file is damaged: download it again");
                }
                if (e.begin() != next) {
                    boolean overlap = e.begin() < next;
                    throw refuse(overlap ? "two tensors overlap" : "bytes between two tensors belong to none")
                            .where(at(e.name()) + ", field data_offsets")
                            .expected(
                                    previous == null
                                            ? "the first tensor at 0"
                                            : next + ", where " + Names.shown(previous.name()) + " ends")
                            .found(e.begin());
                }
                next = e.end();
                previous = e;
                tensors.put(
                        e.name(),
                        new TensorInfo(e.name(), e.dtype(), e.shape(), path, dataStart + e.begin(), next - e.begin()));
            }
            if (next != dataBytes) {
                throw refuse("bytes after the last tensor belong to none")
                        .where(path)
                        .expected("a file of " + (dataStart + next) + " bytes")
                        .found(fileBytes + " bytes")
                        .instead("the file is damaged: download it again");
            }
            return Collections.unmodifiableMap(tensors);
        }

        private String at(String tensor) {
            return path + ", tensor " + Names.shown(tensor);
        }

        private static Problem refuse(String what) {
            return Problem.invalid(what);
        }
    }

    /** Stream over a range of a file, by positional reads. */
    private static final class Part extends InputStream {
        private final FileChannel channel;
        private long position;
        private final long end;

        Part(FileChannel channel, long start, long length) {
            this.channel = channel;
            this.position = start;
            this.end = start + length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (length == 0) return 0;
            if (position >= end) return -1;
            int n = channel.read(ByteBuffer.wrap(into, offset, (int) Math.min(length, end - position)), position);
            if (n < 0) throw new IOException("the file became shorter while it was read");
            position += n;
            return n;
        }
    }
}
