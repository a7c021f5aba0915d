package org.llminspector.tales.corpus;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Corpus.Split;

/**
 * Statistics of many stories.
 *
 * @param stories how many were measured for everything but distinctStories
 * @param wordsPerStory words between spaces, on average
 * @param tokensPerStory with the tokenizer given; null without one
 * @param bitsPerStory average cost of the generator's choices
 * @param lossBound nats per token: no model's loss on the stories need be higher; null without a tokenizer. The tokens
 *     that begin and end a story cost nothing and are not counted
 * @param ngrams distinct and all n-grams of words and punctuation, n from 1
 * @param told how many stories were compared by a 64-bit hash
 * @param distinctStories how many of those were different
 */
public record TaleStats(
        long stories,
        double wordsPerStory,
        Double tokensPerStory,
        double bitsPerStory,
        Double lossBound,
        List<Ngrams> ngrams,
        long told,
        long distinctStories) {

    /** N-grams of one length. */
    public record Ngrams(int n, long distinct, long all) {}

    private static final int LONGEST = 8;
    private static final Pattern UNIT = Pattern.compile("\\w+|[^\\w\\s]");

    /**
     * Generates the stories and counts; its eight sets of hashes take about 150 MB for 10,000 stories.
     *
     * @param told at least stories
     * @param tokenizer or null
     */
    public static TaleStats of(Tales tales, long stories, long told, Tokenizer tokenizer) {
        List<LongSet> ngrams = new ArrayList<>();
        for (int n = 0; n < LONGEST; n++) ngrams.add(new LongSet());
        long[] all = new long[LONGEST];
        LongSet texts = new LongSet();
        long words = 0;
        long tokens = 0;
        double bits = 0;
        for (long i = 0; i < Math.max(told, stories); i++) {
            Tale tale = tales.tale(Split.TRAIN, i);
            texts.add(hash(tale.text()));
            if (i >= stories) continue;
            words += tale.words();
            bits += tale.choiceBits();
            if (tokenizer != null)
                tokens += tokenizer.encode(tale.text(), false).size();
            count(tale.text(), ngrams, all);
        }
        List<Ngrams> counted = new ArrayList<>();
        for (int n = 0; n < LONGEST; n++)
            counted.add(new Ngrams(n + 1, ngrams.get(n).size(), all[n]));
        Double perStory = tokenizer == null ? null : tokens / (double) stories;
        Double bound = tokenizer == null ? null : bits * Math.log(2) / tokens;
        return new TaleStats(
                stories,
                words / (double) stories,
                perStory,
                bits / stories,
                bound,
                counted,
                Math.max(told, stories),
                texts.size());
    }

    private static void count(String text, List<LongSet> ngrams, long[] all) {
        List<Long> units = new ArrayList<>();
        for (Matcher m = UNIT.matcher(text); m.find(); ) units.add(hash(m.group()));
        for (int from = 0; from < units.size(); from++) {
            long hash = 0;
            for (int n = 0; n < LONGEST && from + n < units.size(); n++) {
                hash = (hash ^ units.get(from + n)) * 0x9E3779B97F4A7C15L;
                hash ^= hash >>> 29;
                ngrams.get(n).add(hash);
                all[n]++;
            }
        }
    }

    /** FNV-1a, over characters. */
    private static long hash(String text) {
        long hash = 0xCBF29CE484222325L;
        for (int i = 0; i < text.length(); i++) hash = (hash ^ text.charAt(i)) * 0x100000001B3L;
        return hash;
    }
}
