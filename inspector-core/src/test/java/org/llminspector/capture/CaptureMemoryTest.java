package org.llminspector.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory.Block;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** Lent memory is not reused while it is readable, returns when it is not, and does not accumulate. */
class CaptureMemoryTest {

    private static final int MIB = 1 << 20;

    @Test
    void aBlockIsLentAgainOnlyAfterItCameBack() {
        try (CaptureMemory memory = new CaptureMemory()) {
            Block first = memory.lend(MIB);
            first.bytes().putInt(0, 7);
            Block second = memory.lend(MIB);
            second.bytes().putInt(0, 8);
            assertThat(first.bytes().getInt(0)).isEqualTo(7);
            first.giveBack();
            first.giveBack();
            assertThat(memory.idleBytes()).isEqualTo(MIB);
            Block third = memory.lend(MIB - 100);
            assertThat(memory.idleBytes()).isZero();
            assertThat(third.bytes().getInt(0)).as("the same memory").isEqualTo(7);
            second.giveBack();
            third.giveBack();
        }
    }

    @Test
    void aSliceHoldsItsBlock() {
        try (CaptureMemory memory = new CaptureMemory()) {
            ByteBuffer[] slice = {memory.lend(MIB).bytes().slice(100, 100).slice(10, 10)};
            assertThat(collectedUntil(() -> memory.idleBytes() > 0, 5)).isFalse();
            slice[0].putInt(0, 1);
            slice[0] = null;
            assertThat(collectedUntil(() -> memory.idleBytes() == MIB, 200)).isTrue();
        }
    }

    private static boolean collectedUntil(BooleanSupplier done, int times) {
        for (int i = 0; i < times && !done.getAsBoolean(); i++) {
            System.gc();
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
        return done.getAsBoolean();
    }

    @Test
    void onlySoMuchIsKept() {
        try (CaptureMemory memory = new CaptureMemory()) {
            Block[] blocks = new Block[50];
            for (int i = 0; i < blocks.length; i++) blocks[i] = memory.lend(CaptureMemory.BLOCK);
            for (Block b : blocks) b.giveBack();
            assertThat(memory.idleBytes()).isEqualTo(CaptureMemory.KEPT);
        }
    }

    @Test
    void whatIsDroppedDoesNotPileUp() {
        try (CaptureMemory memory = new CaptureMemory()) {
            long before = CaptureMemory.lentBytes();
            for (int i = 0; i < 200; i++) memory.lend(20 * MIB);
            assertThat(CaptureMemory.lentBytes() - before).isLessThan(1000L * MIB);
        }
    }

    @Test
    void closedMemoryStaysReadableAndKeepsNothing() {
        CaptureMemory memory = new CaptureMemory();
        Block idle = memory.lend(MIB);
        Block lent = memory.lend(MIB);
        idle.giveBack();
        memory.close();
        assertThat(memory.idleBytes()).isZero();
        lent.bytes().putInt(0, 9);
        assertThat(lent.bytes().getInt(0)).isEqualTo(9);
        lent.giveBack();
        assertThat(memory.idleBytes()).isZero();
    }

    @Test
    void buffersGiveBackWhatNobodyWasShown() {
        DecoderSpec spec = spec();
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(spec));
        try (CaptureMemory memory = new CaptureMemory()) {
            CaptureBuffers dropped = new CaptureBuffers(spec, all, 8, memory);
            assertThat(dropped.places(0, 5)).containsOnlyKeys(all);
            assertThat(memory.idleBytes()).isZero();
            dropped.close();
            long all8 = memory.idleBytes();
            assertThat(all8).isPositive();

            CaptureBuffers shown = new CaptureBuffers(spec, all, 8, memory);
            Capture capture = shown.build();
            shown.close();
            assertThat(memory.idleBytes()).isLessThan(all8);
            capture.close();
            assertThat(memory.idleBytes()).isEqualTo(all8);
            assertThatThrownBy(() -> shown.places(0, 5)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aReleasedCaptureIsNotReadForAnotherRuns() {
        DecoderSpec spec = spec();
        HookId resid = HookId.of(HookPoint.RESID_POST, 0);
        HookId pattern = HookId.of(HookPoint.PATTERN, 0); // copied where positions are missing
        TreeSet<HookId> hooks = new TreeSet<>(List.of(resid, pattern));
        try (CaptureMemory memory = new CaptureMemory();
                CaptureBuffers buffers = new CaptureBuffers(spec, hooks, 4, memory)) {
            buffers.places(0, 2).get(resid).putFloat(0, 3f);
            buffers.placed(0, 2);
            Capture capture = buffers.build();
            Tensor view = capture.get(resid).reshaped(2, spec.dModel()).rows(0, 1);
            assertThat(view.get(0)).isEqualTo(3);
            capture.close();
            try (CaptureBuffers others = new CaptureBuffers(spec, hooks, 4, memory)) {
                others.places(0, 2).get(resid).putFloat(0, 4f);
                for (Tensor t : List.of(view, capture.get(resid), capture.get(pattern))) {
                    assertThatThrownBy(t::toFloats)
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("the captured values were released");
                }
            }
        }
    }

    @Test
    void hooksOfOneValueShareItsMemory() {
        DecoderSpec spec = spec();
        HookId post = HookId.of(HookPoint.RESID_POST, 0);
        HookId pre = HookId.of(HookPoint.RESID_PRE, 1);
        TreeSet<HookId> both = new TreeSet<>(List.of(post, pre));
        try (CaptureMemory memory = new CaptureMemory();
                CaptureBuffers buffers = new CaptureBuffers(spec, both, 2, memory, Map.of(pre, post))) {
            buffers.places(0, 2).get(post).putFloat(4, 3f);
            buffers.placed(0, 2);
            Capture capture = buffers.build();
            assertThat(capture.get(pre).get(1)).isEqualTo(3);
            Tensor last = capture.get(post);
            assertThat(last.shape()).containsExactly(1, 2, spec.dModel());
            capture.close();
        }
    }

    private static DecoderSpec spec() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            return Family.open(checkpoint).spec();
        }
    }
}
