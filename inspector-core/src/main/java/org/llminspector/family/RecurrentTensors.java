package org.llminspector.family;

import java.util.stream.Stream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Recurrent;

/** Tensors of a recurrence in a layer that is otherwise named as Llama's. */
final class RecurrentTensors {

    private RecurrentTensors() {}

    /**
     * Adds a layer's recurrence to the plan.
     *
     * @param to {@code blocks.i.ssm.}
     * @param layer the layer's prefix in the files, {@code model.layers.i.}
     */
    static void put(WeightPlan plan, Recurrent r, int d, String to, String layer, Checkpoint checkpoint) {
        String from = Stream.of("mamba.", "linear_attn.", "mixer.")
                .map(name -> layer + name)
                .filter(name -> checkpoint.has(name + "out_proj.weight") || checkpoint.has(name + "o_proj.weight"))
                .findFirst()
                .orElse(layer + "self_attn.");
        if (r instanceof Mamba m) StateSpaces.put(plan, m, d, to, from);
        else if (r instanceof Mamba2 m) StateSpaces.put(plan, m, d, to, from);
        else if (r instanceof DeltaNet n) DeltaNets.put(plan, n, d, to, from, checkpoint);
        else lightning(plan, (Lightning) r, d, to, from);
    }

    /** MiniMax: q, k and v head by head in one tensor. */
    private static void lightning(WeightPlan plan, Lightning l, int d, String to, String from) {
        int width = l.nHeads() * l.dHead();
        Source qkv = Source.of(from + "qkv_proj.weight", 3L * width, d);
        plan.put(to + "q.weight", qkv.everyBlock(l.dHead(), 0, 3))
                .put(to + "k.weight", qkv.everyBlock(l.dHead(), 1, 3))
                .put(to + "v.weight", qkv.everyBlock(l.dHead(), 2, 3))
                .linear(to + "gate", from + "output_gate", width, d, false)
                .norm(l.norm(), to + "norm", from + "norm", width)
                .linear(to + "out", from + "out_proj", d, width, false);
    }
}
