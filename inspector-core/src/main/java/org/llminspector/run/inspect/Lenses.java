package org.llminspector.run.inspect;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.analysis.LogitLens;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.DecoderSpec;

/** Computes the logit lens of a stored run. */
public final class Lenses {

    private static final int MOST_TOKENS = 100;

    private Lenses() {}

    static Lens read(
            RunManifest manifest,
            HookPoint point,
            int top,
            Slice positions,
            InspectorEngine engine,
            RunStore store,
            ModelFolder folder) {
        if (top < 1 || top > MOST_TOKENS) {
            throw Problem.invalid("the number of tokens is out of range")
                    .where("top")
                    .expected("1 to " + MOST_TOKENS)
                    .found(top);
        }
        if (!point.layered() || !point.axes().equals(HookPoint.RESID_POST.axes())) {
            throw Problem.invalid("the lens reads values as wide as the residual stream")
                    .where("hook")
                    .expected("hook_resid_pre, hook_resid_mid, hook_resid_post, hook_attn_out or hook_mlp_out")
                    .found(point.template());
        }
        folder.capabilities().lensRefusal().ifPresent(why -> {
            throw why;
        });
        DecoderSpec spec = folder.spec();
        if (spec.altUp() != null && point != HookPoint.RESID_POST)
            throw Problem.unsupported("the unembedding of this model reads all forms of the residual stream")
                    .where("hook")
                    .expected("hook_resid_post, with which the other forms are read")
                    .found(point.template());
        HookPoint read = spec.altUp() == null ? point : HookPoint.FORMS;
        HookId last = StreamHooks.end(spec);
        List<HookId> hooks = IntStream.range(0, manifest.model().nLayers())
                .mapToObj(layer -> HookId.of(read, layer))
                .toList();
        int[] range = positions.on(manifest.positions(), "positions");
        List<List<LogitLens.Cell>> cells = new LogitLens(engine, top)
                .rows(
                        hooks.stream().map(h -> store.capture(manifest.id(), h)).toList(),
                        store.capture(manifest.id(), last),
                        range[0],
                        range[1]);
        List<Lens.Row> rows = new ArrayList<>();
        for (HookId hook : hooks) {
            rows.add(row(hook, cells.get(hook.layer()), folder));
        }
        return new Lens(manifest.id(), rows);
    }

    /** A row of cells, with its tokens' texts. */
    public static Lens.Row row(HookId hook, List<LogitLens.Cell> cells, ModelFolder folder) {
        return new Lens.Row(
                hook.name(),
                hook.layer(),
                cells.stream().map(c -> cell(c, folder)).toList());
    }

    private static Lens.Cell cell(LogitLens.Cell cell, ModelFolder folder) {
        List<Lens.Candidate> top = new ArrayList<>();
        for (int i = 0; i < cell.top().size(); i++) {
            int id = cell.top().get(i);
            top.add(new Lens.Candidate(id, folder.token(id).text(), cell.probs().get(i)));
        }
        return new Lens.Cell(cell.pos(), top, cell.entropy(), cell.klToFinal(), cell.finalTokenRank());
    }
}
