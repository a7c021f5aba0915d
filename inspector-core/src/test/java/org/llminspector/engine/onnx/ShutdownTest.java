package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.family.Family;

/** A process that exits while ONNX Runtime creates a session ends with its exit code, not by a signal. */
class ShutdownTest {

    @TempDir
    Path temp;

    @Test
    void endingWhileSessionsAreMadeIsNoCrash() throws Exception {
        Path model = MemoryTest.bigModel(temp);
        for (int delay : new int[] {0, 40, 90}) {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:ErrorFile=" + temp.resolve("hs_err.log"),
                            "-cp",
                            System.getProperty("java.class.path"),
                            Opening.class.getName(),
                            model.toString(),
                            String.valueOf(delay))
                    .redirectErrorStream(true)
                    .redirectOutput(temp.resolve("said.txt").toFile())
                    .start();
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as("after %d ms", delay).isEqualTo(7);
        }
    }

    /** Opening opens and closes one model until the process ends: after the first time and some milliseconds. */
    static final class Opening {

        private Opening() {}

        public static void main(String[] args) throws Exception {
            CountDownLatch opened = new CountDownLatch(1);
            Checkpoint checkpoint = Checkpoint.open(Path.of(args[0]));
            Thread thread = new Thread(() -> {
                while (true) {
                    PrecisionPlan plan = PrecisionPlan.of(Precision.FP32);
                    OnnxEngine.open(Family.open(checkpoint), "cpu", plan).close();
                    opened.countDown();
                }
            });
            thread.setDaemon(true);
            thread.start();
            opened.await();
            Thread.sleep(Long.parseLong(args[1]));
            System.exit(7);
        }
    }
}
