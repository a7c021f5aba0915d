package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.Part;
import org.llminspector.engine.PartTime;
import org.llminspector.hook.HookPoint;

/**
 * Tap that measures the time of each part: it reads the clock at each hooked value and adds the time since the previous
 * one to the part that made it. On a GPU, where calls are asynchronous, it waits for every value.
 */
final class TimingTap implements PassTap {

    private record Piece(int layer, Part part) {}

    private final Map<Piece, Long> nanos = new LinkedHashMap<>();
    private final boolean waits;
    private long last;

    /** @param waits whether calls return before their values are computed */
    TimingTap(boolean waits) {
        this.waits = waits;
    }

    /** Called just before the pass. */
    void begin() {
        last = System.nanoTime();
    }

    @Override
    public NDArray at(HookPoint point, int layer, NDArray value) {
        if (waits) value.flatten().get(0).toFloatArray();
        // A block's input is the output of the block before it.
        boolean between = point == HookPoint.RESID_PRE && layer > 0;
        ends(part(point, layer), between ? layer - 1 : layer);
        return value;
    }

    @Override
    public void ends(Part part, int layer) {
        long now = System.nanoTime();
        nanos.merge(new Piece(part == Part.EMBED ? -1 : layer, part), now - last, Long::sum);
        last = now;
    }

    private static Part part(HookPoint point, int layer) {
        return switch (point) {
            case EMBED, POS_EMBED, EMBED_FORMS -> Part.EMBED;
            case ALTUP_PREDICTIONS, ALTUP_COEFS, FORMS -> Part.ALTUP;
            case LAUREL_OUT -> Part.LAUREL;
            case PLE_INPUT, PLE_PRE, PLE_POST, PLE_OUT -> Part.PLE;
            case RESID_PRE -> layer == 0 ? Part.EMBED : Part.RESID_POST;
            case LN1_SCALE, LN1_NORMALIZED -> Part.LN1;
            case Q_LATENT, KV_LATENT, Q, K, V -> Part.QKV;
            case ROT_Q, ROT_K -> Part.ROPE;
            case ATTN_SCORES -> Part.SCORES;
            case PATTERN -> Part.PATTERN;
            case Z -> Part.Z;
            case ATTN_GATE, RESULT, ATTN_OUT -> Part.O;
            case CONV_B, CONV_C, CONV_X, CONV_BX -> Part.CONV_IN;
            case CONV, CONV_POST -> Part.CONV;
            case CONV_OUT -> Part.CONV_OUT;
            case SSM_X, SSM_Q, SSM_K, SSM_V, SSM_B, SSM_C, SSM_DT, SSM_BETA -> Part.SSM_IN;
            case SSM_DECAY, SSM_WRITE, SSM_STATE, SSM_Y, SSM_GATE, SSM_POST -> Part.SSM;
            case SSM_OUT -> Part.SSM_OUT;
            case LN1_POST_OUT -> Part.LN1_POST;
            case RESID_MID -> Part.RESID_MID;
            case LN2_SCALE, LN2_NORMALIZED -> Part.LN2;
            case MLP_PRE, ROUTER_LOGITS, EXPERT_INDICES, EXPERT_WEIGHTS, EXPERT_GATES, EXPERT_PRE -> Part.MLP_IN;
            case MLP_PRE_LINEAR, MLP_POST, EXPERT_PRE_LINEAR, EXPERT_POST -> Part.MLP_ACT;
            case EXPERT_OUT -> Part.MLP_OUT;
            case SHARED_PRE, SHARED_PRE_LINEAR, SHARED_POST, SHARED_GATE, SHARED_OUT -> Part.MLP_OUT;
            case LN2_POST_OUT -> Part.LN2_POST;
            case MLP_OUT -> Part.MLP_OUT;
            case RESID_POST -> Part.RESID_POST;
            case LN_FINAL_SCALE, LN_FINAL_NORMALIZED, LN_FINAL_OUT -> Part.LN_FINAL;
            case LOGITS -> Part.UNEMBED;
        };
    }

    /** Every measured part, in the order of first execution. */
    List<PartTime> times() {
        List<PartTime> times = new ArrayList<>();
        nanos.forEach(
                (piece, n) -> times.add(new PartTime(piece.part(), piece.layer() < 0 ? null : piece.layer(), n / 1e6)));
        return times;
    }
}
