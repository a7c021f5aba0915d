package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;

/**
 * Lightning attention (Qin et al. 2024, arXiv:2401.04658; MiniMax 2025, arXiv:2501.08313): linear attention whose heads
 * forget at fixed rates, {@code S = decay S + v k^T}, {@code y = S q}, with silu of q, k and v; the output is {@code
 * out(norm(y) * sigmoid(gate))}.
 *
 * @param dHead size of a query, key and value
 * @param decay per head: the factor on its state at each position
 * @param norm of all heads' y together
 */
@JsonTypeName("lightning")
public record Lightning(int dHead, List<Float> decay, Norm norm) implements Recurrent {

    public Lightning {
        decay = List.copyOf(decay);
    }

    @Override
    public int nHeads() {
        return decay.size();
    }

    @Override
    public int dState() {
        return dHead;
    }

    @Override
    public int nKeyHeads() {
        return nHeads();
    }

    @Override
    public int width() {
        return 1;
    }

    @Override
    public int channels() {
        return 0;
    }
}
