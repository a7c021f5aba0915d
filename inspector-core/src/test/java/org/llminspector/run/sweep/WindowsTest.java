package org.llminspector.run.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.reduce.WindowBatch;
import org.llminspector.base.Problem;

class WindowsTest {

    /** Every token counts exactly once, in order; windows are full where the document is long enough, and begin with BOS. */
    @Property(tries = 300)
    void everyTokenCountsOnce(
            @ForAll @Size(min = 1, max = 8) List<@IntRange(min = 0, max = 70) Integer> lengths,
            @ForAll @IntRange(min = 0, max = 2) int prefix,
            @ForAll @IntRange(min = 4, max = 20) int length) {
        int[] bos = IntStream.range(0, prefix).map(i -> -1 - i).toArray();
        Windows windows = new Windows(bos, length);
        List<Integer> all = new ArrayList<>();
        for (int d = 0; d < lengths.size(); d++) {
            int first = all.size();
            int[] ids = IntStream.range(first, first + lengths.get(d)).toArray();
            for (int id : ids) all.add(id);
            windows.add("d" + d, ids);
        }
        List<Integer> counted = new ArrayList<>();
        long counts = 0;
        for (int w = 0; w < windows.size(); w++) {
            int[] tokens = windows.tokens(w);
            assertThat(tokens).hasSize(windows.length(w));
            assertThat(Arrays.copyOf(tokens, prefix)).isEqualTo(bos);
            String document = windows.documents().get(windows.document(w));
            int whole = lengths.get(Integer.parseInt(document.substring(1))) + prefix;
            assertThat(tokens).hasSize(Math.min(length, whole));
            int from = windows.from(w);
            counts += tokens.length - from;
            // Its first window counts the prefix too; later ones have a token before the first that counts.
            assertThat(from == 0 || from >= Math.max(1, prefix)).isTrue();
            for (int i = Math.max(prefix, from); i < tokens.length; i++) counted.add(tokens[i]);
            for (int i = prefix + 1; i < tokens.length; i++)
                assertThat(tokens[i]).isEqualTo(tokens[i - 1] + 1);
        }
        assertThat(counted).isEqualTo(all);
        assertThat(windows.counted()).isEqualTo(counts);
    }

    /** A shard's batches have all its windows once, of equal lengths, at most as many as allowed. */
    @Property(tries = 200)
    void batchesHaveEveryWindowOnce(
            @ForAll @Size(min = 1, max = 30) List<@IntRange(min = 1, max = 9) Integer> lengths,
            @ForAll @IntRange(min = 1, max = 7) int each,
            @ForAll @IntRange(min = 1, max = 4) int batch) {
        Windows windows = new Windows(new int[] {0}, 6);
        for (int d = 0; d < lengths.size(); d++) windows.add("d" + d, new int[lengths.get(d)]);
        Shards shards = new Shards(windows, each, batch);
        List<Long> seen = new ArrayList<>();
        for (int s = 0; s < shards.count(); s++) {
            int of = 0;
            for (WindowBatch b : shards.batches(s)) {
                assertThat(b.size()).isBetween(1, batch);
                of += b.size();
                for (long w : b.window()) {
                    assertThat(w / each).isEqualTo(s);
                    seen.add(w);
                }
            }
            assertThat(of).isEqualTo(shards.size(s)).isLessThanOrEqualTo(each);
        }
        assertThat(seen).doesNotHaveDuplicates().hasSize(windows.size());
    }

    /** A name follows from a shard's own windows: texts after it do not change it, another token does. */
    @Test
    void aPartsNameIsThatOfItsContent() {
        int[] ids = IntStream.range(1, 40).toArray();
        Windows one = new Windows(new int[0], 8);
        one.add("a", ids);
        Windows more = new Windows(new int[0], 8);
        more.add("a", ids);
        more.add("b", ids);
        Shards shards = new Shards(one, 2, 2);
        Shards longer = new Shards(more, 2, 2);
        assertThat(longer.count()).isGreaterThan(shards.count());
        for (int s = 0; s < shards.count(); s++) {
            if (shards.size(s) == 2) assertThat(longer.name("key", s)).isEqualTo(shards.name("key", s));
            assertThat(shards.name("other", s)).isNotEqualTo(shards.name("key", s));
        }
        int[] changed = ids.clone();
        changed[3]++;
        Windows other = new Windows(new int[0], 8);
        other.add("a", changed);
        assertThat(new Shards(other, 2, 2).name("key", 0)).isNotEqualTo(shards.name("key", 0));
        assertThat(new Shards(other, 2, 2).name("key", 1)).isEqualTo(shards.name("key", 1));
        assertThat(Arrays.asList(shards.name("key", 0), shards.name("key", 1))).doesNotHaveDuplicates();
    }

    @Test
    void aWindowHoldsMoreThanThePrefix() {
        assertThatThrownBy(() -> new Windows(new int[] {1}, 2)).isInstanceOf(Problem.class);
    }
}
