package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What Caffeine does not promise, and the caches that are LinkedHashMaps in order of access need (decision 92): it keeps what is
 * read often (TinyLFU), not what was read last. When one of these fails after an update, that cache may become Caffeine's.
 */
class RecencyTest {

    private final List<String> made = new ArrayList<>();
    private final List<String> gone = new ArrayList<>();

    private static Caffeine<Object, Object> caffeine() {
        return Caffeine.newBuilder().executor(Runnable::run);
    }

    private Cache<String, Integer> weighted(long most) {
        return caffeine()
                .maximumWeight(most)
                .weigher((String key, Integer weight) -> weight)
                .removalListener((String key, Integer weight, RemovalCause cause) -> gone.add(key))
                .build();
    }

    private void read(Cache<String, Integer> cache, String key, int weight) {
        assertThat(cache.get(key, k -> make(k, weight))).isEqualTo(weight);
    }

    private int make(String key, int weight) {
        made.add(key);
        return weight;
    }

    /**
     * A head's pattern of a long text (Heads), both sides' values of a hook (Comparisons), the keys and values of a run that is
     * branched next (PrefixCache) or of a text (TextCache): a pass of the model each.
     */
    @Test
    void aSecondLargeValueIsMadeAgainAtEachRead() {
        Cache<String, Integer> cache = weighted(100);
        for (int i = 0; i < 20; i++) read(cache, "A", 60);
        for (int i = 0; i < 20; i++) read(cache, "B", 60);
        assertThat(made).filteredOn("A"::equals).hasSize(1);
        assertThat(made)
                .as("one that kept what was read last would make it once")
                .filteredOn("B"::equals)
                .hasSize(20);
    }

    /** A pattern's tiles, a hook's positions: the value that was made last stays, however large. */
    @Test
    void aValueLargerThanTheBoundIsNotKept() {
        Cache<String, Integer> cache = weighted(100);
        for (int i = 0; i < 3; i++) read(cache, "A", 120);
        assertThat(made).hasSize(3);
    }

    /** An expert's matrices (ExpertMatrices) are freed when they are evicted: never those that a product is about to read. */
    @Test
    void theValueThatWasJustMadeMayBeTheOneThatIsEvicted() {
        Cache<String, Integer> cache = weighted(100);
        for (int i = 0; i < 20; i++) read(cache, "A", 60);
        read(cache, "B", 60);
        assertThat(gone).containsExactly("B");
    }

    /** A graph on a GPU (GraphCache) is closed before the next one opens: both together may not fit. */
    @Test
    void theNextValueIsMadeBeforeOneIsEvicted() {
        Cache<String, Integer> cache = caffeine()
                .maximumSize(1)
                .removalListener((String key, Integer weight, RemovalCause cause) -> gone.add(key))
                .build();
        read(cache, "A", 1);
        int b = cache.get("B", key -> {
            assertThat(gone).as("A is still there").isEmpty();
            return make(key, 1);
        });
        assertThat(b).isEqualTo(1);
        assertThat(gone).containsExactly("A");
    }
}
