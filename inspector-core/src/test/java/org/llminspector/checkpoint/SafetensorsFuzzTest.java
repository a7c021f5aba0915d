package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.LongRange;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Mutated files are opened correctly or refused with a Problem, never anything else; random files survive a round trip. */
class SafetensorsFuzzTest extends FuzzTest {

    private static final byte[] HEADER = ("{\"__metadata__\":{\"format\":\"pt\"},"
                    + "\"model.a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                    + "\"model.b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
                    + "\"model.c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
                    + "\"e\":{\"dtype\":\"U8\",\"shape\":[0,7],\"data_offsets\":[40,40]}}")
            .getBytes(StandardCharsets.UTF_8);

    private static final List<byte[]> WORDS = Stream.of(
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
                    " ")
            .map(w -> w.getBytes(StandardCharsets.UTF_8))
            .toList();

    private static final List<DType> DTYPES = List.of(DType.values());

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
        SafetensorsWriter.write(file, tensors, metadata);
        try (SafetensorsFile file = SafetensorsFile.open(FuzzTest.file)) {
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

    @Override
    protected byte[] mutant(Mutator m) {
        byte[] json = HEADER.clone();
        for (int n = m.below(4); n > 0; n--) json = m.edited(json, WORDS);
        if (m.oneIn(3)) {
            for (int n = m.below(6); n > 0; n--) json[m.below(json.length)] = (byte) m.below(256);
        }
        long length =
                switch (m.below(8)) {
                    case 0 -> m.anyNumber();
                    case 1 -> json.length + m.below(9) - 4;
                    default -> json.length;
                };
        byte[] file = RawFile.bytes(length, json, 40 + (m.oneIn(6) ? m.below(5) - 2 : 0));
        return m.oneIn(8) ? m.cut(file) : file;
    }

    @Override
    protected void open(byte[] mutant) {
        try (SafetensorsFile file = SafetensorsFile.open(FuzzTest.file)) {
            long covered = 0;
            for (TensorInfo info : file.tensors().values()) {
                Tensor tensor = file.tensor(info.name());
                assertThat(tensor.byteSize()).isEqualTo(info.bytes());
                assertThat(info.offset()).isBetween(8L, (long) mutant.length);
                assertThat(info.offset() + info.bytes()).isLessThanOrEqualTo(mutant.length);
                for (int i = 0; i < tensor.size(); i++) tensor.get(i);
                covered += info.bytes();
            }
            assertThat(covered).isLessThanOrEqualTo(mutant.length);
        }
    }
}
