package org.llminspector.tokenize;

import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * Merge loop of one piece, as in Hugging Face's library: always the pair with the lowest rank, on ties the leftmost.
 *
 * <p>It is {@code Word::merge_all} of tokenizers (models/bpe/word.rs), with its one quirk: a queued pair whose symbols
 * have changed still counts when the new pair gives the same token.
 */
final class Merger {

    /** Source of merge rules. */
    interface Pairs {
        /** Null where these neighbours do not merge. */
        MergeRules.Rule of(int left, int right);
    }

    /** Called before each merge. */
    interface Listener {
        void merge(int at, int left, int right, MergeRules.Rule rule);
    }

    private record Queued(int position, MergeRules.Rule rule) implements Comparable<Queued> {
        @Override
        public int compareTo(Queued o) {
            int byRank = Integer.compare(rule.rank(), o.rule.rank());
            return byRank != 0 ? byRank : Integer.compare(position, o.position);
        }
    }

    private static final int GONE = -2;

    private final Pairs rules;
    private final Listener listener;
    private final int[] ids;
    private final int[] previous;
    private final int[] next;
    private final PriorityQueue<Queued> queue = new PriorityQueue<>();

    private Merger(Pairs rules, int[] ids, Listener listener) {
        this.rules = rules;
        this.listener = listener;
        this.ids = ids.clone();
        this.previous = new int[ids.length];
        this.next = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            previous[i] = i - 1;
            next[i] = i + 1 < ids.length ? i + 1 : -1;
        }
    }

    /** The ids that are left when no pair merges. */
    static int[] merge(Pairs rules, int[] ids, Listener listener) {
        Merger merger = new Merger(rules, ids, listener);
        merger.run();
        return Arrays.stream(merger.ids).filter(id -> id != GONE).toArray();
    }

    private void run() {
        for (int i = 0; i < ids.length; i++) queue(i);
        while (!queue.isEmpty()) {
            Queued top = queue.remove();
            int at = top.position();
            if (ids[at] == GONE || next[at] < 0) continue;
            MergeRules.Rule now = rules.of(ids[at], ids[next[at]]);
            if (now == null || now.result() != top.rule().result()) continue;
            listener.merge(indexOf(at), ids[at], ids[next[at]], now);
            join(at, now.result());
        }
    }

    private void join(int at, int result) {
        int right = next[at];
        ids[at] = result;
        ids[right] = GONE;
        next[at] = next[right];
        if (next[at] >= 0) previous[next[at]] = at;
        if (previous[at] >= 0) queue(previous[at]);
        queue(at);
    }

    private void queue(int at) {
        if (next[at] < 0) return;
        MergeRules.Rule rule = rules.of(ids[at], ids[next[at]]);
        if (rule != null) queue.add(new Queued(at, rule));
    }

    /** How many remaining symbols precede this one. */
    private int indexOf(int at) {
        int index = 0;
        for (int i = 0; i < at; i++) if (ids[i] != GONE) index++;
        return index;
    }
}
