package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import net.jqwik.api.statistics.StatisticsReport.StatisticsReportMode;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Mutated files are opened correctly or refused with a Problem, never anything else; random files survive a round trip. */
class SafetensorsFuzzTest {

    private static final String HEADER = "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"model.a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
            + "\"model.b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
            + "\"model.c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
            + "\"e\":{\"dtype\":\"U8\",\"shape\":[0,7],\"data_offsets\":[40,40]}}";

    private static final List<String> WORDS = List.of(
            "-1",
            "0",
            "1",
            "24",
            "40",
            "41",
            "2147483647",
            "2147483648",
            "4294967296",
            "9223372036854775807",
            "9223372036854775808",
            "1e9",
            "1.5",
            "-0",
            "null",
            "true",
            "NaN",
            "[]",
            "{}",
            "[[",
            "}}",
            "\"",
            "\\",
            "\\u0000",
            "\\ud800",
            "\u0000",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"F64\"",
            "\"F16\"",
            "\"U16\"",
            "\"shape\"",
            "\"dtype\"",
            "\"data_offsets\"",
            "\"model.a\"",
            "\"__metadata__\"",
            "\u00e9",
            "\ud83d\ude00",
            " ");

    private static final List<DType> DTYPES = List.of(DType.values());

    private static Path dir;

    @BeforeContainer
    static void makeFolder() throws IOException {
        dir = Files.createTempDirectory("safetensors-fuzz");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        Files.deleteIfExists(dir.resolve("x.safetensors"));
        Files.delete(dir);
    }

    @Property(
            tries = 1_000,
            seed = "20261125",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    @StatisticsReport(StatisticsReportMode.OFF)
    void mutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        Statistics.collect(check(mutate(new Random(seed))));
        // Mutants that all open, or that all fall at the first check, would test nothing.
        Statistics.coverage(c -> c.check("opened").percentage(p -> p > 5 && p < 70));
    }

    @Tag("long")
    @Property(
            tries = 100_000,
            seed = "7",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    void manyMutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        check(mutate(new Random(seed)));
    }

    @Property(
            tries = 200,
            seed = "11",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    void randomTensorsSurviveTheRoundTrip(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) {
        Random random = new Random(seed);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int n = random.nextInt(12); n > 0; n--) {
            DType dtype = DTYPES.get(random.nextInt(DTYPES.size()));
            long[] shape = random.ints(random.nextInt(5), 0, 6).asLongStream().toArray();
            byte[] data = new byte[(int) Tensor.elements(shape) * dtype.bytes()];
            random.nextBytes(data);
            tensors.put(name(random), Tensor.of(dtype, ByteBuffer.wrap(data), shape));
        }
        Map<String, String> metadata = new HashMap<>();
        for (int n = random.nextInt(4); n > 0; n--) metadata.put(name(random), name(random));
        Path path = dir.resolve("x.safetensors");
        SafetensorsWriter.write(path, tensors, metadata);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).isEqualTo(metadata);
            assertThat(file.tensors().keySet()).containsExactlyInAnyOrderElementsOf(tensors.keySet());
            tensors.forEach((name, tensor) -> {
                Tensor read = file.tensor(name);
                assertThat(read.dtype()).isEqualTo(tensor.dtype());
                assertThat(read.shape()).isEqualTo(tensor.shape());
                assertThat(read.data()).isEqualTo(tensor.data());
                assertThat(file.tensors().get(name).offset() % tensor.dtype().bytes())
                        .isZero();
            });
        }
    }

    private static String name(Random random) {
        StringBuilder name = new StringBuilder();
        for (int n = 1 + random.nextInt(20); n > 0; n--) {
            int c = random.nextInt(3) == 0 ? random.nextInt(0x2FFF) : ' ' + random.nextInt(95);
            name.appendCodePoint(Character.isDefined(c) ? c : 'x');
        }
        return name.toString();
    }

    private static byte[] mutate(Random random) {
        String header = HEADER;
        int words = random.nextInt(4);
        for (int n = 0; n < words; n++) header = edit(header, random);
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        if (random.nextInt(3) == 0) {
            for (int n = random.nextInt(6); n > 0; n--) json[random.nextInt(json.length)] = (byte) random.nextInt(256);
        }
        long length =
                switch (random.nextInt(8)) {
                    case 0 -> random.nextLong();
                    case 1 -> json.length + random.nextInt(9) - 4;
                    default -> json.length;
                };
        byte[] file = RawFile.bytes(length, json, 40 + (random.nextInt(6) == 0 ? random.nextInt(5) - 2 : 0));
        return random.nextInt(8) == 0 ? Arrays.copyOf(file, random.nextInt(file.length + 1)) : file;
    }

    /** Replaces, inserts, deletes or doubles a piece; numbers are favoured, for they do the harm. */
    private static String edit(String s, Random random) {
        if (s.length() < 2) return s + "{";
        String word = WORDS.get(random.nextInt(WORDS.size()));
        int at = random.nextInt(s.length());
        int to = Math.min(s.length(), at + 1 + random.nextInt(8));
        if (random.nextInt(2) == 0) {
            for (int i = 0; i < 60 && !Character.isDigit(s.charAt(at)); i++) at = random.nextInt(s.length());
            to = at;
            while (to < s.length() && Character.isDigit(s.charAt(to))) to++;
            to = Math.max(to, Math.min(s.length(), at + 1));
        }
        return switch (random.nextInt(4)) {
            case 0 -> s.substring(0, at) + word + s.substring(to);
            case 1 -> s.substring(0, at) + word + s.substring(at);
            case 2 -> s.substring(0, at) + s.substring(to);
            default -> s.substring(0, to) + s.substring(at);
        };
    }

    /** What became of the file: opened, or why not. */
    private static String check(byte[] bytes) throws IOException {
        Path path = RawFile.write(dir.resolve("x.safetensors"), bytes);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            long covered = 0;
            for (TensorInfo info : file.tensors().values()) {
                Tensor tensor = file.tensor(info.name());
                assertThat(tensor.byteSize()).isEqualTo(info.bytes());
                assertThat(info.offset()).isBetween(8L, (long) bytes.length);
                assertThat(info.offset() + info.bytes()).isLessThanOrEqualTo(bytes.length);
                for (int i = 0; i < tensor.size(); i++) tensor.get(i);
                covered += info.bytes();
            }
            assertThat(covered).isLessThanOrEqualTo(bytes.length);
            return "opened";
        } catch (Problem p) {
            assertThat(p.kind()).isIn(Problem.Kind.INVALID, Problem.Kind.UNSUPPORTED);
            assertThat(p.where()).contains(path.toString());
            return p.what();
        }
    }
}
