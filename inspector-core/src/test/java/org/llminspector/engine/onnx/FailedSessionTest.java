package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** A session whose making fails half way, here at a prefix of no layer. */
class FailedSessionTest {

    @Test
    void itGivesBackItsMemoryAndItsGraph() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxEngine engine =
                        OnnxEngine.open(Family.open(checkpoint), "cpu", PrecisionPlan.of(Precision.FP32, null))) {
            SessionRequest request = new SessionRequest(
                            64, new TreeSet<>(Set.of(HookId.of(HookPoint.LOGITS))), List.of(), List.of())
                    .after(new KvPrefix(3, List.of(), List.of()));
            long before = CaptureMemory.lentBytes();
            assertThatThrownBy(() -> engine.begin(request)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThat(CaptureMemory.lentBytes()).isEqualTo(before);
        }
    }
}
