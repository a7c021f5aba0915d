package org.llminspector.sandbox;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * Main class of the sandboxed process that probes files: reads one line of JSON per request (kind, path, trusted) and
 * answers with one (an empty object, or the problem). It ends with its input, and after a minute without requests.
 */
final class ProbeMain {

    /** The first line of its output. */
    static final String READY = "ready";

    private static final long IDLE_MS = 60_000;

    /** Time of the last request, or Long.MAX_VALUE while one is running. */
    private static volatile long since = System.currentTimeMillis();

    private ProbeMain() {}

    public static void main(String[] args) throws IOException {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err); // keeps libraries' output out of the answers
        Thread idle = new Thread(ProbeMain::endWhenIdle, "idle");
        idle.setDaemon(true);
        idle.start();
        answers.println(READY);
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                since = Long.MAX_VALUE;
                answers.println(answer(line));
                since = System.currentTimeMillis();
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static void endWhenIdle() {
        try {
            while (since == Long.MAX_VALUE || System.currentTimeMillis() - since < IDLE_MS) Thread.sleep(1_000);
            Runtime.getRuntime().halt(0);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String answer(String line) throws JsonProcessingException {
        JsonNode question = Json.mapper().readTree(line);
        try {
            Probe.valueOf(question.get("probe").asText())
                    .of(
                            Path.of(question.get("path").asText()),
                            question.get("trusted").asBoolean());
            return "{}";
        } catch (Problem p) {
            return Json.mapper().writeValueAsString(Verdict.of(p));
        } catch (RuntimeException | StackOverflowError e) {
            return Json.mapper().writeValueAsString(Map.of("failed", String.valueOf(e)));
        }
    }
}
