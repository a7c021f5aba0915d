package org.llminspector.family;

import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/** Tensors of a stream of several forms and of the low-rank paths parallel to attention (Gemma 3n). */
final class AltUpTensors {

    private AltUpTensors() {}

    /** @param root prefix of the names in the files */
    static void put(WeightPlan plan, DecoderSpec s, String root) {
        int d = s.dModel();
        int forms = s.altUp().forms();
        for (int f = 1; f < forms; f++)
            plan.linear("altup." + f + ".project", root + "altup_projections." + (f - 1), d, d, false)
                    .linear("altup." + f + ".unproject", root + "altup_unembed_projections." + (f - 1), d, d, false);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            int rank = s.layers().get(i).laurel().rank();
            plan.linear(to + "altup.router", from + "altup.modality_router", forms, d, false)
                    .linear(to + "altup.predict", from + "altup.prediction_coefs", forms * forms, forms, false)
                    .linear(to + "altup.correct", from + "altup.correction_coefs", forms, forms, false)
                    .rmsNorm(to + "altup.router_norm", from + "altup.router_norm", d)
                    .linear(to + "laurel.left", from + "laurel.linear_left", rank, d, false)
                    .linear(to + "laurel.right", from + "laurel.linear_right", d, rank, false)
                    .rmsNorm(to + "laurel.out_norm", from + "laurel.post_laurel_norm", d);
            if (s.altUp().scaled())
                plan.put(to + "altup.scale.weight", Source.of(from + "altup.correct_output_scale", d));
        }
    }
}
