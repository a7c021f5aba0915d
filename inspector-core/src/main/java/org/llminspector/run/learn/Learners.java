package org.llminspector.run.learn;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.analysis.Norms;
import org.llminspector.base.Bytes;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.RunQueue;
import org.llminspector.train.PreferredPair;

/** Mutable in-memory copies of models for step-by-step updates and undo; runs never see them. */
public final class Learners implements AutoCloseable {

    private static final int MAX_OPEN = 4;
    private static final long PIECE = 1L << 24;
    private static final long MAX_UNDO_BYTES = 256L << 20;
    /**
     * Bytes per parameter, 11 float32: weight, gradient and two moments; weight and moments twice more, for undo and
     * the comparison; and the initial weight.
     */
    private static final long BYTES_EACH = 44;
    /** Of these, bytes on the Java heap during an update: the undo's, the gradient, and weights before and after. */
    private static final long HEAP_BYTES_EACH = 36;

    /**
     * One open learner.
     *
     * @param parameters number of trainable parameters
     * @param step updates made
     * @param undoable updates that can be undone
     * @param weightsSha256 of all current weights, flat float32, little-endian
     */
    public record Info(String id, String model, long parameters, long step, int undoable, String weightsSha256) {}

    private record Snapshot(Tensor weights, Learner.State state) {}

    /** One learner. Changes run on the queue's worker, under the learner's own lock, which excludes closing it. */
    private static final class Open {

        private final String id;
        private final ModelFolder folder;
        private final Learner learner;
        private final long parameters;
        private final Deque<Snapshot> undo = new ArrayDeque<>();
        private volatile int undoable;
        private volatile String sha256;
        /** The initial weights, the reference of a preference; null before the first update. */
        private Tensor first;

        private final MemoryLedger.Reservation memory;
        private boolean closed;

        Open(String id, ModelFolder folder, Learner learner, MemoryLedger.Reservation memory) {
            this.memory = memory;
            this.id = id;
            this.folder = folder;
            this.learner = learner;
            this.parameters =
                    learner.parameters().stream().mapToLong(Parameter::size).sum();
            this.sha256 = sha256(learner.weights());
        }

        /** Copies nothing and never blocks. */
        Info info() {
            return new Info(id, folder.slug(), parameters, learner.step(), undoable, sha256);
        }

        /** Log probabilities of two answers under the initial weights. */
        PreferredPair.Scores reference(PreferredPair pair) {
            if (first == null) return pair.score(learner);
            Tensor now = learner.weights();
            learner.setWeights(first);
            try {
                return pair.score(learner);
            } finally {
                learner.setWeights(now);
            }
        }

        synchronized void close() {
            if (!closed) learner.close();
            closed = true;
            memory.close();
            undo.clear();
            first = null;
        }
    }

    private static String sha256(Tensor weights) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            Bytes bytes = weights.bytes();
            for (long at = 0; at < bytes.size(); at += PIECE) {
                digest.update(bytes.view(at, Math.min(PIECE, bytes.size() - at)));
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java runtime has it
        }
    }

    private final RunQueue queue;
    private final MemoryLedger ledger;
    private final Map<String, Open> open = new LinkedHashMap<>();
    /** Models whose learners are being opened; they count as open. */
    private final List<ModelFolder> opening = new ArrayList<>();

    private int made;
    private boolean closed; // the program is closing

    Learners(RunQueue queue, MemoryLedger ledger) {
        this.queue = queue;
        this.ledger = ledger;
    }

    /** Runs on the caller's thread, so that no work in the queue waits for it. */
    Info open(ModelFolder folder, String device) {
        takePlace(folder);
        MemoryLedger.Reservation memory = null;
        try {
            queue.checkCancelled();
            memory = reserve(ledger, folder);
            Learner learner = TorchLearner.open(folder.weights(), device);
            try {
                folder.checkpoint().checkReadable();
            } catch (Problem p) {
                learner.close();
                throw p;
            }
            synchronized (this) {
                Open one = new Open("learner-" + ++made, folder, learner, memory);
                memory = null;
                open.put(one.id, one);
                if (closed) closeAll();
                return one.info();
            }
        } finally {
            if (memory != null) memory.close();
            synchronized (this) {
                opening.remove(folder);
            }
        }
    }

    private synchronized void takePlace(ModelFolder folder) {
        if (open.size() + opening.size() >= MAX_OPEN) {
            throw Problem.of(Problem.Kind.CONFLICT, "too many learners are open")
                    .expected("at most " + MAX_OPEN)
                    .found(String.join(", ", open.keySet()))
                    .instead("close one: DELETE /learners/{id}");
        }
        opening.add(folder);
    }

    /** Reserves the memory for learning with a model. */
    static MemoryLedger.Reservation reserve(MemoryLedger ledger, ModelFolder folder) {
        checkHeap(
                folder.slug(),
                folder.checkpoint().parameters(),
                Runtime.getRuntime().maxMemory());
        return ledger.reserve(
                "learner",
                folder.slug(),
                Math.multiplyExact(folder.checkpoint().parameters(), BYTES_EACH),
                folder.slug() + ": float32 weights, gradient, two moments, and copies to take updates back",
                "take a smaller model, close other learners, or raise --memory");
    }

    /** Refuses a model whose copies do not fit the Java heap of this many bytes. */
    static void checkHeap(String model, long parameters, long heap) {
        long needed = Math.multiplyExact(parameters, HEAP_BYTES_EACH);
        if (needed <= heap) return;
        throw Problem.tooLarge("learning with this model takes more memory than the Java heap has")
                .where("model " + model)
                .expected("at most " + heap / HEAP_BYTES_EACH + " parameters, in a heap of " + (heap >> 20) + " MiB")
                .found(parameters + " parameters, " + (needed >> 20) + " MiB")
                .instead("give the JVM more heap (JAVA_OPTS=-Xmx" + ((needed >> 30) + 1)
                        + "g), or take a smaller model");
    }

    public synchronized List<Info> list() {
        return open.values().stream().map(Open::info).toList();
    }

    public Info info(String id) {
        return find(id).info();
    }

    private synchronized Open find(String id) {
        Open one = open.get(id);
        if (one != null) return one;
        throw missing(id, open.isEmpty() ? "none is open" : String.join(", ", open.keySet()));
    }

    private static Problem missing(String id, String found) {
        return Problem.notFound("there is no such learner")
                .where("learner " + id)
                .found(found);
    }

    /** Runs work on a learner through the queue. */
    private <T> T inTurn(String id, Function<Open, T> work) {
        Open one = find(id);
        return queue.call("learner", one.folder.slug(), () -> {
            synchronized (one) {
                if (one.closed) throw missing(id, "it was closed meanwhile");
                try {
                    return work.apply(one);
                } finally {
                    one.undoable = one.undo.size();
                }
            }
        });
    }

    /** Learns a text's next tokens, or which of two answers is better. */
    public LearnerStep.Answer step(String id, LearnerStep request) {
        Open one = find(id);
        RunRequest asked = request.asRun(one.folder.slug());
        UpdateObjective aim = request.preference() == null
                ? TextObjective.of(one.folder, asked, request.from(), "prompt", "from")
                : PairObjective.of(request, asked, one.folder);
        List<TextObjective> watched = new ArrayList<>();
        for (int i = 0; i < request.watching().size(); i++) {
            LearnerStep.Watched w = request.watch().get(i);
            String at = "watch[" + i + "]";
            watched.add(TextObjective.of(one.folder, w.asRun(one.folder.slug()), w.from(), at, at + ".from"));
        }
        int steps = request.count();
        double rate = request.rate();
        double limit = request.limit();
        Optimizer rule = request.rule();
        return inTurn(id, o -> {
            Updates made = new Updates(o);
            try {
                return step(o, made, aim, watched, steps, rule, rate, limit);
            } catch (RuntimeException | Error e) {
                made.takeBack();
                throw e;
            }
        });
    }

    private LearnerStep.Answer step(
            Open one,
            Updates made,
            UpdateObjective aim,
            List<TextObjective> watched,
            int steps,
            Optimizer rule,
            double rate,
            double limit) {
        Learner learner = one.learner;
        aim.begin(learner, one::reference);
        double before = aim.loss(learner);
        double norm = 0;
        Tensor gradient = null;
        Tensor last = null;
        List<Double> losses = watched.stream().map(t -> t.loss(learner)).toList();
        for (int i = 0; i < steps; i++) {
            queue.checkCancelled();
            last = learner.weights();
            made.remember(new Snapshot(last, learner.state()));
            aim.accumulate(learner);
            if (i == steps - 1) gradient = learner.gradient();
            norm = learner.update(rule, rate, limit);
        }
        double after = aim.loss(learner);
        List<LearnerStep.Change> changes = new ArrayList<>();
        for (int i = 0; i < watched.size(); i++) {
            changes.add(new LearnerStep.Change(losses.get(i), watched.get(i).loss(learner)));
        }
        LearnerStep.PreferenceChange preference = aim.end(learner);
        List<LearnerStep.ParameterUpdate> updates = updates(learner, gradient, last);
        one.sha256 = sha256(learner.weights());
        return new LearnerStep.Answer(
                one.id, learner.step(), before, after, norm, one.undo.size(), updates, changes, preference, one.sha256);
    }

    /** The updates of one request, applied completely or rolled back. */
    private static final class Updates {

        private final Open one;
        private final boolean unlearnt;
        private Snapshot before;
        private int count;

        Updates(Open one) {
            this.one = one;
            this.unlearnt = one.first == null;
        }

        /** Records the learner's state before an update, for undo. */
        void remember(Snapshot snapshot) {
            if (before == null) before = snapshot;
            if (one.first == null) one.first = snapshot.weights();
            one.undo.push(snapshot);
            count++;
            long each = 3 * snapshot.weights().byteSize();
            while (one.undo.size() > 1 && one.undo.size() * each > MAX_UNDO_BYTES) one.undo.removeLast();
        }

        /** Restores the learner's state before the request. */
        void takeBack() {
            if (before == null) return;
            for (int i = 0; i < count && !one.undo.isEmpty(); i++) one.undo.pop();
            if (unlearnt) one.first = null;
            one.learner.setWeights(before.weights());
            one.learner.setState(before.state());
        }
    }

    private static List<LearnerStep.ParameterUpdate> updates(Learner learner, Tensor gradient, Tensor before) {
        Tensor after = learner.weights();
        List<LearnerStep.ParameterUpdate> updates = new ArrayList<>();
        for (Parameter p : learner.parameters()) {
            float[] was = p.of(before).toFloats();
            float[] is = p.of(after).toFloats();
            float[] moved = new float[is.length];
            for (int i = 0; i < is.length; i++) moved[i] = is[i] - was[i];
            updates.add(new LearnerStep.ParameterUpdate(
                    p.name(), p.shape(), Norms.of(p.of(gradient).toFloats()), Norms.of(moved), Norms.of(is)));
        }
        return updates;
    }

    /** Undoes the last update: weights and optimizer state. */
    public Info undo(String id) {
        return inTurn(id, one -> {
            Snapshot last = one.undo.poll();
            if (last == null) {
                throw Problem.of(Problem.Kind.CONFLICT, "there is no update to take back")
                        .where("learner " + id);
            }
            one.learner.setWeights(last.weights());
            one.learner.setState(last.state());
            one.undoable = one.undo.size();
            one.sha256 = sha256(one.learner.weights());
            return one.info();
        });
    }

    /** Closes a learner, after a running update has ended. */
    public void close(String id) {
        Open one = find(id);
        synchronized (this) {
            open.remove(id);
        }
        one.close();
    }

    @Override
    public synchronized void close() {
        closed = true;
        closeAll();
    }

    private void closeAll() {
        open.values().forEach(Open::close);
        open.clear();
    }
}
