package org.llminspector.train.tales;

import org.llminspector.train.Corpus;

/** Tales are all the stories of one seed. Safe on any thread. */
public final class Tales implements Corpus {

    /** A story is told again, otherwise, until it has so many words. */
    public static final int LEAST_WORDS = 60;

    public static final int MOST_WORDS = 220;

    private static final int ATTEMPTS = 1000;

    private final long seed;

    public Tales(long seed) {
        this.seed = seed;
    }

    @Override
    public String document(Split split, long index) {
        return tale(split, index).text();
    }

    public Tale tale(Split split, long index) {
        return tale(split, index, MOST_WORDS);
    }

    /**
     * The story of this index that is no longer than that.
     *
     * @param mostWords at least {@link #LEAST_WORDS} and twenty more
     */
    Tale tale(Split split, long index, int mostWords) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Tale tale = new Storyteller(new Dice(seed, split.ordinal() + 2L * attempt, index)).tell();
            if (tale.words() >= LEAST_WORDS && tale.words() <= mostWords) return tale;
        }
        throw new IllegalStateException("no story of at most " + mostWords + " words");
    }
}
