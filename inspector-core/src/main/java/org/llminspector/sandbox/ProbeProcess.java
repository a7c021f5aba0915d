package org.llminspector.sandbox;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.Writer;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.llminspector.base.Json;

/** A running {@link ProbeMain}, with limits on its memory and time. Used by one thread at a time. */
final class ProbeProcess implements AutoCloseable {

    private static final String GONE = "gone";
    private static final long START_S = 120;
    /** Wall-clock limit as a multiple of the CPU limit, for a busy machine. */
    private static final int PATIENCE = 6;

    private final long memory;
    private final Process process;
    private final Writer questions;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private int asked;

    /** @param memory most bytes of address space, enforced where the system can (Linux) */
    ProbeProcess(long memory) throws IOException {
        this.memory = memory;
        ProcessBuilder builder = new ProcessBuilder(command(memory));
        Map<String, String> environment = builder.environment();
        environment.keySet().removeIf(name -> name.contains("TOKEN") || name.startsWith("JAVA_TOOL"));
        environment.put("OPT_OUT_TRACKING", "true");
        environment.put("ORT_DISABLE_TELEMETRY", "1");
        environment.put("MALLOC_ARENA_MAX", "2");
        environment.put("RAYON_NUM_THREADS", "1");
        builder.redirectError(ProcessBuilder.Redirect.DISCARD);
        this.process = builder.start();
        this.questions = process.outputWriter(StandardCharsets.UTF_8);
        Thread reader = new Thread(this::read, "probe");
        reader.setDaemon(true);
        reader.start();
    }

    private static List<String> command(long memory) {
        List<String> command = new ArrayList<>();
        if (System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")) {
            command.addAll(
                    List.of("/bin/sh", "-c", "ulimit -c 0; ulimit -v " + (memory >> 10) + "; exec \"$@\"", "sh"));
        }
        command.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        command.addAll(List.of(
                "-Xmx" + Math.min(1_024, (memory / 3) >> 20) + "m",
                "-Xss2m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:ReservedCodeCacheSize=48m",
                "-XX:CompressedClassSpaceSize=48m",
                "-XX:-UsePerfData",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=/dev/null",
                "-Dai.djl.offline=true"));
        for (String property : List.of("DJL_CACHE_DIR", "ENGINE_CACHE_DIR", "java.io.tmpdir")) {
            if (System.getProperty(property) != null) command.add("-D" + property + "=" + System.getProperty(property));
        }
        command.addAll(List.of("-cp", classPath(), ProbeMain.class.getName()));
        return command;
    }

    /** The program's own class path; before it the program's jar, where a cluster's class loader has brought it. */
    private static String classPath() {
        String path = System.getProperty("java.class.path");
        if (ProbeMain.class.getClassLoader() == ClassLoader.getSystemClassLoader()) return path;
        try {
            URI jar = ProbeMain.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI();
            return Path.of(jar) + File.pathSeparator + path;
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e); // a file's URL is one
        }
    }

    private void read() {
        try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) answers.add(line);
        } catch (IOException e) {
            // the process has ended
        }
        answers.add(GONE);
    }

    long memory() {
        return memory;
    }

    /** Whether it has not probed any file yet, so that a failure is due to the file at hand. */
    boolean fresh() {
        return asked == 0;
    }

    boolean alive() {
        return process.isAlive();
    }

    /** Probes one file; a process that exceeds its limits is closed. */
    Verdict ask(Probe probe, Path path, boolean trusted, long seconds) throws InterruptedException {
        if (fresh() && !ProbeMain.READY.equals(answers.poll(START_S, TimeUnit.SECONDS))) {
            close();
            throw new IllegalStateException("the process that tries files did not start: " + ended());
        }
        asked++;
        try {
            questions.write(Json.mapper()
                            .writeValueAsString(
                                    Map.of("probe", probe.name(), "path", path.toString(), "trusted", trusted))
                    + "\n");
            questions.flush();
        } catch (IOException e) {
            return Verdict.failed(ended());
        }
        Duration before = cpu();
        for (long tenths = 0; tenths < seconds * PATIENCE * 10; tenths++) {
            String answer = answers.poll(100, TimeUnit.MILLISECONDS);
            if (answer != null) return answer.equals(GONE) ? Verdict.failed(ended()) : verdict(answer);
            if (cpu().minus(before).toSeconds() >= seconds) break;
        }
        close();
        return Verdict.failed("it was still at work after " + seconds + " s");
    }

    private static Verdict verdict(String answer) {
        try {
            return Json.mapper().readValue(answer, Verdict.class);
        } catch (JsonProcessingException e) {
            return Verdict.failed("an answer that is none");
        }
    }

    private Duration cpu() {
        return process.info().totalCpuDuration().orElse(Duration.ZERO);
    }

    private String ended() {
        try {
            return process.waitFor(10, TimeUnit.SECONDS)
                    ? "it ended with code " + process.exitValue()
                    : "it does not answer";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
