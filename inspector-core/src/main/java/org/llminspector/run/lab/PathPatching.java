package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.HookShape;
import org.llminspector.run.lab.Analysis.Effect;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.Analysis.Path;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.request.AnalysisRequest.Cell;

/**
 * Path patching (Wang et al. 2022): a sender's change reaches the chosen receivers alone. A first run has the sender changed
 * and every other head and MLP frozen, and shows what each receiver then reads; a second run has only that put in.
 */
final class PathPatching {

    private static final int MOST = 4_096;

    /** What adds to the stream, and is frozen. */
    private static final List<HookPoint> WRITERS = List.of(
            HookPoint.Z,
            HookPoint.CONV_OUT,
            HookPoint.SSM_OUT,
            HookPoint.LAUREL_OUT,
            HookPoint.MLP_OUT,
            HookPoint.PLE_OUT);

    private static final List<HookPoint> READERS =
            List.of(HookPoint.Q, HookPoint.K, HookPoint.V, HookPoint.Z, HookPoint.MLP_OUT, HookPoint.LOGITS);

    private final Lab lab;
    private final List<Patch> frozen = new ArrayList<>();
    private final List<Receiver> receivers;

    private PathPatching(Lab lab) {
        this.lab = lab;
        this.receivers = receivers(lab);
        List<HookId> writers = new ArrayList<>();
        for (int i = 0; i < lab.spec().nLayers(); i++) {
            for (HookPoint p : WRITERS) if (HookPresence.of(p, lab.spec(), i)) writers.add(HookId.of(p, i));
        }
        lab.base().values(writers);
        for (HookId hook : writers) frozen.add(Patch.whole(hook, lab.base().value(hook)));
    }

    /** @param head null for a value without heads */
    private record Receiver(HookId hook, Integer head) {
        boolean logits() {
            return hook.point() == HookPoint.LOGITS;
        }

        String name() {
            return head == null ? hook.name() : hook.name() + ", head " + head;
        }
    }

    static Found run(Lab lab) {
        List<List<Patch>> senders = Patching.cells(lab);
        if (senders.isEmpty()) {
            throw Problem.invalid("a path begins at a sender")
                    .where("cells")
                    .expected("at least one: {\"hook\": \"blocks.0.attn.hook_z\", \"heads\": [1]}");
        }
        PathPatching paths = new PathPatching(lab);
        double[] found = paths.measured(senders.get(0));
        List<Path> each = new ArrayList<>();
        for (int i = 0; i < paths.receivers.size(); i++) {
            Effect effect = lab.effect(found[i]);
            each.add(new Path(paths.receivers.get(i).name(), effect.value(), effect.effect()));
        }
        List<Patch> own = senders.get(0).stream()
                .map(p -> new Patch(p.hook(), lab.base().value(p.hook()), p.heads(), p.positions(), null))
                .toList();
        double[] none = paths.measured(own);
        List<Invariant> invariants = lab.invariants();
        invariants.add(Invariant.of(
                "a sender given its own value, through all receivers: the run as it was",
                lab.baseMetric(),
                none[none.length - 1],
                10 * lab.metric().noise()
                        + 1e-4 * Math.abs(lab.metric().clean() - lab.metric().corrupt())));
        String words =
                "the sender's change reaches the receiver alone: all other heads, MLPs and mixers are frozen to the changed"
                        + " run's own values, norms are computed again (Wang et al. 2022 let MLPs be computed again as well)";
        return Found.of(words, invariants)
                .rows(lab.effect(found[found.length - 1]))
                .paths(each)
                .build();
    }

    /** The metric through each receiver, and last through all of them together. */
    private double[] measured(List<Patch> senders) {
        List<List<Patch>> first = new ArrayList<>();
        TreeSet<HookId> read = new TreeSet<>();
        for (Receiver r : receivers) {
            first.add(frozenBut(r, senders));
            if (!r.logits()) read.add(r.hook());
        }
        Tensor[] seen = new Tensor[receivers.size()];
        if (!read.isEmpty()) {
            lab.base().run(first, read, (row, hook, value) -> {
                if (receivers.get(row).hook().equals(hook)) seen[row] = value;
            });
        }
        double[] out = new double[receivers.size() + 1];
        List<List<Patch>> second = new ArrayList<>();
        List<Patch> together = new ArrayList<>();
        List<Integer> places = new ArrayList<>();
        boolean direct = false;
        for (int i = 0; i < seen.length; i++) {
            Receiver r = receivers.get(i);
            direct |= r.logits();
            if (r.logits()) continue;
            Patch put = new Patch(r.hook(), seen[i], r.head() == null ? null : List.of(r.head()), null, null);
            second.add(List.of(put));
            together.add(put);
            places.add(i);
        }
        together.sort((a, b) -> a.hook().compareTo(b.hook()));
        second.add(together);
        double[] found = lab.measured(second);
        for (int i = 0; i < places.size(); i++) out[places.get(i)] = found[i];
        out[out.length - 1] = found[found.length - 1];
        if (direct) {
            List<List<Patch>> rows = new ArrayList<>(List.of(with(frozen, senders)));
            double straight = lab.measured(rows)[0];
            for (int i = 0; i < receivers.size(); i++) if (receivers.get(i).logits()) out[i] = straight;
            if (receivers.size() == 1) out[1] = straight;
        }
        return out;
    }

    /** The sender changed, and all else frozen up to the receiver, which is computed. */
    private List<Patch> frozenBut(Receiver r, List<Patch> senders) {
        List<Patch> kept = new ArrayList<>();
        for (Patch p : frozen) {
            if (!p.hook().equals(r.hook())) {
                kept.add(p);
            } else if (r.head() != null) {
                kept.add(new Patch(p.hook(), p.source(), others(r), null, null));
            }
        }
        return with(kept, senders);
    }

    private List<Integer> others(Receiver r) {
        return IntStream.range(0, heads(lab, r.hook()))
                .filter(h -> h != r.head())
                .boxed()
                .toList();
    }

    /** In the order in which data flows; at one hook the sender's comes last, and counts. */
    private static List<Patch> with(List<Patch> frozen, List<Patch> senders) {
        List<Patch> all = new ArrayList<>(frozen);
        all.addAll(senders);
        all.sort((a, b) -> a.hook().compareTo(b.hook())); // stable
        return all;
    }

    private static int heads(Lab lab, HookId hook) {
        int axis = hook.point().axisIndex(Axis.HEAD);
        return axis < 0 ? 0 : (int) HookShape.of(hook.point(), lab.spec(), hook.layer(), 1, 1)[axis];
    }

    private static List<Receiver> receivers(Lab lab) {
        List<Cell> asked = lab.request().receivers() == null
                ? List.of(new Cell("logits", null, null))
                : lab.request().receivers();
        List<Receiver> all = new ArrayList<>();
        for (Cell cell : asked) {
            for (HookId hook : HookPatterns.match(lab.spec(), List.of(cell.hook() == null ? "" : cell.hook()))) {
                if (!READERS.contains(hook.point())) {
                    throw Problem.invalid("this hook is no receiver of a path")
                            .where("receivers: " + hook)
                            .expected("attn.hook_q, attn.hook_k, attn.hook_v, attn.hook_z, hook_mlp_out or logits");
                }
                Function<Integer, Receiver> of = h -> new Receiver(hook, h);
                int heads = heads(lab, hook);
                if (heads == 0) all.add(of.apply(null));
                else if (cell.heads() == null) IntStream.range(0, heads).forEach(h -> all.add(of.apply(h)));
                else cell.heads().forEach(h -> all.add(of.apply(within(h, heads, hook))));
            }
        }
        if (!all.isEmpty() && all.size() <= MOST) return all;
        throw Problem.invalid("a path ends at a receiver")
                .where("receivers")
                .expected("1 to " + MOST)
                .found(all.size());
    }

    private static int within(Integer head, int heads, HookId hook) {
        if (head != null && head >= 0 && head < heads) return head;
        throw Problem.invalid("there is no such head")
                .where("receivers: " + hook)
                .expected("0 to " + (heads - 1))
                .found(head);
    }
}
