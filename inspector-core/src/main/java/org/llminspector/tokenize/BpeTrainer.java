package org.llminspector.tokenize;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.file.Layout;

/**
 * Trainer of a byte-level BPE: repeatedly replaces the most frequent pair of neighbours by a new token.
 *
 * <p>Source: Sennrich, Haddow and Birch, 2016; bytes and words as in GPT-2. Ids and merges are those of Hugging Face's
 * BpeTrainer with a whole byte alphabet: control tokens, then bytes in the order of their characters, then merges; ties
 * go to the pair with the lowest ids.
 */
public final class BpeTrainer {

    /** GPT-2's word pattern. */
    static final Pattern WORD = Pattern.compile(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            Pattern.UNICODE_CHARACTER_CLASS);

    private static final int BYTES = 256;

    private final List<String> pieces;
    private final Map<String, Integer> ids = new HashMap<>();
    private final List<String> merges = new ArrayList<>();
    /** Each distinct word as token ids, and how often it occurs. */
    private final List<int[]> words = new ArrayList<>();

    private long[] counts;
    private final Map<Long, Long> pairCounts = new HashMap<>();
    private final Map<Long, Set<Integer>> wordsOfPair = new HashMap<>();

    private BpeTrainer(List<String> control) {
        pieces = new ArrayList<>(control);
        String alphabet = Layout.byteCharacters();
        alphabet.chars().sorted().forEach(c -> pieces.add(String.valueOf((char) c)));
        for (int i = 0; i < pieces.size(); i++) ids.put(pieces.get(i), i);
    }

    /** A trained vocabulary: pieces by id, control tokens first, and merges in order, "left right". */
    public record Vocabulary(List<String> control, List<String> pieces, List<String> merges) {}

    /**
     * Trains; the same texts in any order give the same vocabulary.
     *
     * @param control tokens that no text is split into, which get the lowest ids
     * @param size tokens in all; fewer when the texts have no more pairs
     */
    public static Vocabulary train(Stream<String> texts, List<String> control, int size) {
        if (size < control.size() + BYTES) {
            throw Problem.invalid("the vocabulary has no room for every byte")
                    .where("vocabulary size")
                    .expected("at least " + (control.size() + BYTES))
                    .found(size);
        }
        BpeTrainer trainer = new BpeTrainer(control);
        trainer.read(texts);
        trainer.merge(size);
        return new Vocabulary(List.copyOf(control), List.copyOf(trainer.pieces), List.copyOf(trainer.merges));
    }

    private void read(Stream<String> texts) {
        Map<String, Long> seen = new LinkedHashMap<>();
        texts.forEach(text -> {
            Matcher m = WORD.matcher(text);
            while (m.find()) seen.merge(m.group(), 1L, Long::sum);
        });
        String character = Layout.byteCharacters();
        counts = new long[seen.size()];
        seen.forEach((word, count) -> {
            byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
            int[] symbols = new int[bytes.length];
            for (int i = 0; i < bytes.length; i++)
                symbols[i] = ids.get(String.valueOf(character.charAt(bytes[i] & 255)));
            counts[words.size()] = count;
            words.add(symbols);
        });
    }

    private record Candidate(long pair, long count) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            return count != other.count ? Long.compare(other.count, count) : Long.compare(pair, other.pair);
        }
    }

    private void merge(int size) {
        for (int w = 0; w < words.size(); w++) count(w, 1, null);
        PriorityQueue<Candidate> queue = new PriorityQueue<>();
        pairCounts.forEach((pair, count) -> queue.add(new Candidate(pair, count)));
        while (pieces.size() < size && !queue.isEmpty()) {
            Candidate top = queue.poll();
            long now = pairCounts.getOrDefault(top.pair, 0L);
            if (now == 0) continue;
            if (now != top.count) {
                // Increased counts are queued again, so a stale candidate's count is too high.
                if (now < top.count) queue.add(new Candidate(top.pair, now));
                continue;
            }
            int left = (int) (top.pair >>> 32);
            int right = (int) top.pair;
            String piece = pieces.get(left) + pieces.get(right);
            merges.add(pieces.get(left) + " " + pieces.get(right));
            Integer known = ids.putIfAbsent(piece, pieces.size());
            if (known == null) pieces.add(piece);
            replace(top.pair, left, right, ids.get(piece), queue);
        }
    }

    private void replace(long pair, int left, int right, int merged, PriorityQueue<Candidate> queue) {
        Set<Long> risen = new HashSet<>();
        for (int w : List.copyOf(wordsOfPair.get(pair))) {
            int[] old = words.get(w);
            int[] shorter = new int[old.length];
            int n = 0;
            for (int i = 0; i < old.length; i++) {
                boolean here = old[i] == left && i + 1 < old.length && old[i + 1] == right;
                shorter[n++] = here ? merged : old[i];
                if (here) i++;
            }
            if (n == old.length) continue;
            count(w, -1, null);
            words.set(w, Arrays.copyOf(shorter, n));
            count(w, 1, risen);
        }
        wordsOfPair.remove(pair);
        for (long p : risen) queue.add(new Candidate(p, pairCounts.get(p)));
    }

    /** Adds or removes a word's pairs; adds to {@code touched} those whose count may have increased. */
    private void count(int word, int sign, Set<Long> touched) {
        int[] symbols = words.get(word);
        for (int i = 0; i + 1 < symbols.length; i++) {
            long pair = (long) symbols[i] << 32 | symbols[i + 1];
            if (pairCounts.merge(pair, sign * counts[word], Long::sum) == 0) pairCounts.remove(pair);
            if (sign < 0) continue;
            wordsOfPair.computeIfAbsent(pair, p -> new HashSet<>()).add(word);
            if (touched != null) touched.add(pair);
        }
    }
}
