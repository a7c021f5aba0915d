package org.llminspector.run.work;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;

/**
 * Account of the memory budget, by holder. A reservation that does not fit is refused before allocation, after every
 * cache has evicted what it can. Thread-safe.
 */
public final class MemoryLedger {

    /** Kinds of holders. */
    public static final List<String> KINDS = List.of(
            "weights",
            "opening",
            "variant",
            "sequence",
            "pass",
            "gradients",
            "logits",
            "prefixes",
            "texts",
            "learner",
            "training");

    /**
     * One entry of the account.
     *
     * @param kind what the memory is for, one of {@link #KINDS}: an open model's {@code weights}, packed copies and
     *     captures; a model that is {@code opening}, or a {@code variant} of one; the KV cache of a {@code sequence}
     *     and what a {@code pass} over a prompt computes; {@code gradients}; {@code logits} of a comparison; cached KV
     *     prefixes ({@code prefixes}, {@code texts}); a {@code learner}; a {@code training} job
     * @param name of the model, run or job that owns it
     */
    public record Holder(String kind, String name, long bytes) {}

    /** A holder whose contents can be recomputed: it is evicted before anything is refused. */
    public interface Cache {

        List<Holder> holders();

        /**
         * Evicts in least-recently-used order until {@code bytes} are freed or nothing evictable is left.
         *
         * @param urgent whether the work cannot wait: then entries leased only by waiting work are evicted too
         */
        void evict(long bytes, boolean urgent);
    }

    /** Memory reserved for one piece of work, until it is closed. */
    public final class Reservation implements AutoCloseable {
        private final String kind;
        private final String name;
        private long bytes;

        private Reservation(String kind, String name, long bytes) {
            this.kind = kind;
            this.name = name;
            this.bytes = bytes;
        }

        /** Reduces the reservation by {@code less} bytes. */
        public void shrink(long less) {
            synchronized (MemoryLedger.this) {
                bytes = Math.min(bytes, Math.max(0, less));
            }
        }

        /** Releases the memory; idempotent. */
        @Override
        public void close() {
            synchronized (MemoryLedger.this) {
                reservations.remove(this);
            }
        }
    }

    private static final int NAMED = 4;

    private final long budget;
    private final List<Cache> caches = new CopyOnWriteArrayList<>();
    private final Set<Reservation> reservations = new LinkedHashSet<>();

    /** @param budget most bytes of all holders together */
    public MemoryLedger(long budget) {
        this.budget = budget;
    }

    public long budget() {
        return budget;
    }

    /** Registers a cache; those registered first are evicted first. */
    public void add(Cache cache) {
        caches.add(cache);
    }

    /** Every holder of memory, the largest first. */
    public List<Holder> holders() {
        List<Holder> all = new ArrayList<>();
        for (Cache cache : caches) all.addAll(cache.holders());
        synchronized (this) {
            for (Reservation r : reservations) all.add(new Holder(r.kind, r.name, r.bytes));
        }
        all.removeIf(h -> h.bytes() == 0);
        all.sort(Comparator.comparingLong(Holder::bytes).reversed());
        return all;
    }

    /** Bytes of all holders. */
    public long held() {
        return holders().stream().mapToLong(Holder::bytes).sum();
    }

    /** Free bytes; those that caches could free do not count. Never negative. */
    public long free() {
        return Math.max(0, budget - held());
    }

    /**
     * Reserves memory for a piece of work that cannot wait.
     *
     * @param where part of the request that needs the memory
     * @param instead what the user can do
     * @throws Problem TOO_LARGE where it does not fit, with the bytes needed and the other holders
     */
    public Reservation reserve(String kind, String name, long bytes, String where, String instead) {
        Reservation reservation = tryReserve(kind, name, bytes, true);
        if (reservation != null) return reservation;
        throw refusal(bytes, where, instead);
    }

    /** The same; null where it does not fit. */
    public Reservation tryReserve(String kind, String name, long bytes, boolean urgent) {
        Reservation reservation = new Reservation(kind, name, bytes);
        synchronized (this) {
            reservations.add(reservation); // first, so that work on other threads counts it
        }
        for (Cache cache : caches) {
            long over = held() - budget;
            if (over <= 0) return reservation;
            cache.evict(over, urgent);
        }
        if (held() <= budget) return reservation;
        reservation.close();
        return null;
    }

    private Problem refusal(long bytes, String where, String instead) {
        String holders = holders().stream()
                .limit(NAMED)
                .map(h -> h.kind() + " of " + h.name() + " " + ByteCount.of(h.bytes()))
                .collect(Collectors.joining(", "));
        return Problem.tooLarge("it does not fit the memory budget")
                .where(where)
                .expected("at most " + ByteCount.of(free()) + ": of " + ByteCount.of(budget)
                        + (holders.isEmpty() ? " nothing is held" : " held by " + holders))
                .found("about " + ByteCount.of(bytes))
                .instead(instead);
    }
}
