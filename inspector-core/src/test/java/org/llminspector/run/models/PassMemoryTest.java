package org.llminspector.run.models;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.OnnxKind;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.spec.DecoderSpec;

class PassMemoryTest {

    /** Of a small model's pass the logits of all positions [n, vocab] are the largest value, and are made twice. */
    @Test
    void aPassThatIsAskedForAllLogitsCountsThem() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            DecoderSpec spec = Family.open(checkpoint).spec();
            EngineKind onnx = new OnnxKind();
            int n = 12;
            long last = PassMemory.scratch(spec, KvFormats.FP32, n, n, onnx, true, false);
            long all = PassMemory.scratch(spec, KvFormats.FP32, n, n, onnx, true, true);
            assertThat(all - last).isEqualTo((2L * n - 1) * spec.vocab() * Float.BYTES);
        }
    }
}
