package org.llminspector.run.sweep;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.reduce.WindowBatch;

/**
 * A sweep's windows in shards of equal numbers, and each shard's in batches: which windows run together depends on neither
 * the machine nor on what was computed before.
 *
 * @param each windows of a shard
 * @param batch most windows that run together
 */
record Shards(Windows windows, int each, int batch) {

    int count() {
        return (windows.size() + each - 1) / each;
    }

    private int end(int shard) {
        return Math.min(windows.size(), (shard + 1) * each);
    }

    /** Windows of a shard. */
    int size(int shard) {
        return end(shard) - shard * each;
    }

    /** Tokens of a shard's windows. */
    long tokens(int shard) {
        long tokens = 0;
        for (int w = shard * each; w < end(shard); w++) tokens += windows.length(w);
        return tokens;
    }

    /** Windows of equal lengths in the order of the corpus. */
    List<WindowBatch> batches(int shard) {
        Map<Integer, List<Integer>> byLength = new LinkedHashMap<>();
        for (int w = shard * each; w < end(shard); w++) {
            byLength.computeIfAbsent(windows.length(w), n -> new ArrayList<>()).add(w);
        }
        List<WindowBatch> batches = new ArrayList<>();
        for (List<Integer> same : byLength.values()) {
            for (int from = 0; from < same.size(); from += batch) {
                batches.add(batch(same.subList(from, Math.min(same.size(), from + batch))));
            }
        }
        return batches;
    }

    private WindowBatch batch(List<Integer> of) {
        int n = of.size();
        int[][] tokens = new int[n][];
        int[] from = new int[n];
        long[] window = new long[n];
        long[] document = new long[n];
        for (int i = 0; i < n; i++) {
            int w = of.get(i);
            tokens[i] = windows.tokens(w);
            from[i] = windows.from(w);
            window[i] = w;
            document[i] = windows.document(w);
        }
        return new WindowBatch(tokens, from, window, document);
    }

    /**
     * A part's name: SHA-256 of what decides its values.
     *
     * @param key of model, engine, reducers and all else that the shards share
     */
    String name(String key, int shard) {
        MessageDigest hash;
        try {
            hash = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
        hash.update(key.getBytes(StandardCharsets.UTF_8));
        ByteBuffer numbers = ByteBuffer.allocate(4 * Integer.BYTES);
        for (int w = shard * each; w < end(shard); w++) {
            int[] tokens = windows.tokens(w);
            numbers.clear();
            hash.update(numbers.putInt(w)
                    .putInt(windows.document(w))
                    .putInt(windows.from(w))
                    .putInt(tokens.length)
                    .flip());
            ByteBuffer ids = ByteBuffer.allocate(tokens.length * Integer.BYTES);
            ids.asIntBuffer().put(tokens);
            hash.update(ids);
        }
        return HexFormat.of().formatHex(hash.digest());
    }
}
