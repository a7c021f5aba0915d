package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;

/** The law of reducers, for one kind and one corpus. */
final class ReducerLaws {

    private ReducerLaws() {}

    /** @param cuts random: where shards begin, and in what order they are computed */
    static void hold(Supplier<Reducer> make, SampleCorpus corpus, long cuts) {
        Random random = new Random(cuts);
        int n = corpus.batches.size();
        TreeSet<Integer> ends = new TreeSet<>(List.of(0, n));
        for (int i = random.nextInt(4); i > 0; i--) ends.add(random.nextInt(n + 1));
        List<Integer> at = new ArrayList<>(ends);
        int shards = at.size() - 1;

        List<Integer> arrival = new ArrayList<>();
        for (int s = 0; s < shards; s++) arrival.add(s);
        Collections.shuffle(arrival, random);
        Map<Integer, SortedMap<String, Tensor>> parts = new HashMap<>();
        Map<Integer, SortedMap<String, Tensor>> again = new HashMap<>();
        for (int s : arrival)
            parts.put(s, corpus.add(make.get(), at.get(s), at.get(s + 1)).state());
        for (int s = 0; s < shards; s++)
            again.put(s, corpus.add(make.get(), at.get(s), at.get(s + 1)).state());

        Reducer folded = make.get();
        Reducer stored = make.get();
        Reducer right = make.get(); // 0 + (1 + (2 + ...))
        for (int s = 0; s < shards; s++) {
            same(parts.get(s), again.get(s));
            folded.merge(lookup(again.get(s)));
            stored.merge(lookup(throughFile(parts.get(s))));
            if (s == 0) same(folded.state(), parts.get(0));
        }
        same(folded.state(), stored.state());

        SortedMap<String, Tensor> tail = make.get().state();
        for (int s = shards - 1; s >= 0; s--) {
            right = make.get();
            right.merge(lookup(parts.get(s)));
            right.merge(lookup(tail));
            tail = right.state();
        }
        near(folded.state(), tail);
        near(folded.state(), corpus.add(make.get(), 0, n).state());

        SortedMap<String, Tensor> before = folded.state();
        folded.merge(lookup(make.get().state()));
        same(folded.state(), before);
        long windows = corpus.batches.stream().mapToLong(WindowBatch::size).sum();
        int longest =
                corpus.batches.stream().mapToInt(WindowBatch::positions).max().orElse(1);
        assertThat(before.values().stream().mapToLong(Tensor::byteSize).sum())
                .isLessThanOrEqualTo(make.get().bytes(windows, longest));
    }

    static Function<String, Tensor> lookup(Map<String, Tensor> state) {
        return state::get;
    }

    /** The same bits. */
    static void same(Map<String, Tensor> a, Map<String, Tensor> b) {
        assertThat(b.keySet()).isEqualTo(a.keySet());
        a.forEach((name, t) -> {
            assertThat(b.get(name).toString()).as(name).isEqualTo(t.toString());
            assertThat(bits(b.get(name))).as(name).isEqualTo(bits(t));
        });
    }

    /** Doubles within rounding, everything else the same bits. */
    private static void near(Map<String, Tensor> a, Map<String, Tensor> b) {
        assertThat(b.keySet()).isEqualTo(a.keySet());
        a.forEach((name, t) -> {
            Tensor u = b.get(name);
            assertThat(u.toString()).as(name).isEqualTo(t.toString());
            if (t.dtype() != DType.F64) {
                assertThat(bits(u)).as(name).isEqualTo(bits(t));
                return;
            }
            for (int i = 0; i < t.size(); i++) {
                assertThat(u.get(i))
                        .as(name + " " + i)
                        .isCloseTo(t.get(i), within(1e-12 * Math.max(1, Math.abs(t.get(i)))));
            }
        });
    }

    private static SortedMap<String, Tensor> throughFile(SortedMap<String, Tensor> state) {
        try {
            Path file = Files.createTempFile("state", ".safetensors");
            try {
                SafetensorsWriter.write(file, state, Map.of());
                SortedMap<String, Tensor> read = new TreeMap<>();
                try (SafetensorsFile in = SafetensorsFile.open(file)) {
                    for (String name : in.tensors().keySet()) read.put(name, copy(in.tensor(name)));
                }
                return read;
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bits(Tensor t) {
        byte[] bytes = new byte[Math.toIntExact(t.byteSize())];
        t.data().get(bytes);
        return bytes;
    }

    private static Tensor copy(Tensor mapped) {
        return Tensor.of(mapped.dtype(), java.nio.ByteBuffer.wrap(bits(mapped)), mapped.shape());
    }
}
