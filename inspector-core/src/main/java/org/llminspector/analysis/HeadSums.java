package org.llminspector.analysis;

/** Sums of one head's attention on the keys of each role, and numbers of the queries that have such a key. */
public final class HeadSums {

    /** Role of a head. */
    public enum Role {
        PREVIOUS_TOKEN,
        DUPLICATE_TOKEN,
        INDUCTION,
        FIRST_TOKEN,
        SELF
    }

    /** The first query whose previous, first and self are three different keys. */
    static final int FIRST_QUERY = 2;

    private static final int ROLES = Role.values().length;

    private final double[] sum = new double[ROLES]; // by role
    private final long[] queries = new long[ROLES];

    /** Keys of each query of a text with the query's own token, before it. */
    public static final class Repeats {

        private final int[][] keys; // [query][], ascending

        public Repeats(int[] tokens) {
            this.keys = new int[tokens.length][];
            int[] found = new int[tokens.length];
            for (int q = 0; q < tokens.length; q++) {
                int n = 0;
                for (int k = 0; k < q; k++) if (tokens[k] == tokens[q]) found[n++] = k;
                keys[q] = java.util.Arrays.copyOf(found, n);
            }
        }
    }

    public double sum(Role role) {
        return sum[role.ordinal()];
    }

    /** Queries that have a key of the role. */
    public long queries(Role role) {
        return queries[role.ordinal()];
    }

    /** Attention of a query to the tokens before it, at the beginning and at its own place; of the first two none. */
    public void addPlaces(float[] p, int row, int query) {
        if (query < FIRST_QUERY) return;
        add(Role.PREVIOUS_TOKEN, p[row + query - 1]);
        add(Role.FIRST_TOKEN, p[row]);
        add(Role.SELF, p[row + query]);
    }

    /**
     * Attention of a query to earlier occurrences of its token and to the tokens after them.
     *
     * @param p patterns, in which the query's row begins at {@code row}
     */
    public void addRepeats(float[] p, int row, int query, Repeats repeats) {
        int[] keys = repeats.keys[query];
        if (keys.length == 0) return;
        double duplicate = 0;
        double induction = 0;
        boolean follower = false;
        for (int k : keys) {
            duplicate += p[row + k];
            if (k + 1 == query) continue;
            follower = true;
            induction += p[row + k + 1];
        }
        add(Role.DUPLICATE_TOKEN, duplicate);
        if (follower) add(Role.INDUCTION, induction);
    }

    private void add(Role role, double attention) {
        sum[role.ordinal()] += attention;
        queries[role.ordinal()]++;
    }

    /** Their quotient, or null without such a query. */
    Double mean(Role role) {
        return queries(role) == 0 ? null : (Double) (sum(role) / queries(role));
    }
}
