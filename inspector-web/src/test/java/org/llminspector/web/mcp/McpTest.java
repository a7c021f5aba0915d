package org.llminspector.web.mcp;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.McpSyncClient;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.client.transport.ServerParameters;
import io.modelcontextprotocol.client.transport.StdioClientTransport;
import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.json.schema.JsonSchemaValidator;
import io.modelcontextprotocol.spec.McpClientTransport;
import io.modelcontextprotocol.spec.McpSchema;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.web.TinyModels;

/** The protocol, asked by the SDK's own client: of a process over standard input and output, and over HTTP. */
class McpTest {

    private static final String[] TOOLS = {"models", "open", "tokenize", "run", "capture", "lens", "compare", "analyse"
    };
    private static final Map<String, Object> CLEAN = Map.of("tokens", List.of(1, 20, 33, 40, 51));
    private static final Map<String, Object> CORRUPT = Map.of("tokens", List.of(1, 20, 60, 40, 51));

    @TempDir
    static Path folder;

    private static Path models;

    @BeforeAll
    static void models() throws IOException {
        models = TinyModels.in(folder);
    }

    private static List<String> command() {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-Dai.djl.offline=true",
                "-Dai.djl.pytorch.num_threads=1",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "org.llminspector.web.Main",
                "mcp"));
        command.addAll(List.of("--model", "tiny", "--model-root", models.toString(), "--trust"));
        command.addAll(List.of("--runs-dir", folder.resolve("runs").toString()));
        return command;
    }

    private static McpSyncClient client(McpClientTransport transport, List<String> progress) {
        return McpClient.sync(transport)
                .requestTimeout(Duration.ofMinutes(2))
                .initializationTimeout(Duration.ofMinutes(1))
                .jsonSchemaValidator((schema, value) -> JsonSchemaValidator.ValidationResponse.asValid(null))
                .progressConsumer(p -> progress.add(p.message()))
                .build();
    }

    private static McpSchema.CallToolResult call(McpSyncClient client, String tool, Map<String, Object> arguments) {
        return client.callTool(new McpSchema.CallToolRequest(tool, arguments, Map.of("progressToken", tool)));
    }

    private static String text(McpSchema.CallToolResult result) {
        return ((McpSchema.TextContent) result.content().get(0)).text();
    }

    private static JsonNode answer(McpSyncClient client, String tool, Map<String, Object> arguments) {
        McpSchema.CallToolResult result = call(client, tool, arguments);
        assertThat(result.isError()).as(text(result)).isFalse();
        assertThat(text(result)).hasSizeLessThan(6000);
        return tree(text(result));
    }

    private static JsonNode tree(String json) {
        try {
            return Json.mapper().readTree(json);
        } catch (IOException e) {
            throw new AssertionError(json, e);
        }
    }

    private static String refusal(McpSyncClient client, String tool, Map<String, Object> arguments) {
        McpSchema.CallToolResult result = call(client, tool, arguments);
        assertThat(result.isError()).as(text(result)).isTrue();
        assertThat(text(result)).doesNotContain("Exception").doesNotContain("\tat ");
        return text(result);
    }

    /** Each tool once, and what it refuses. */
    private static void everyTool(McpSyncClient client) {
        assertThat(client.initialize().serverInfo().name()).isEqualTo("llm-inspector");
        List<McpSchema.Tool> tools = client.listTools().tools();
        assertThat(tools).extracting(McpSchema.Tool::name).containsExactlyInAnyOrder(TOOLS);
        assertThat(tools).allSatisfy(t -> assertThat(t.description()).isNotBlank());

        JsonNode tiny = answer(client, "models", Map.of()).at("/models").findParent("is_default");
        assertThat(tiny.get("model").asText()).isEqualTo("tiny");
        JsonNode open = answer(client, "open", Map.of("model", "tiny"));
        assertThat(open.at("/engine/name").asText()).isEqualTo("torch");
        assertThat(open.get("hooks").has("blocks.{i}.hook_resid_post")).isTrue();
        JsonNode split = answer(client, "tokenize", Map.of("text", "the cat"));
        assertThat(split.get("count").asInt()).isEqualTo(split.get("tokens").size());

        JsonNode run = answer(
                client,
                "run",
                Map.of(
                        "tokens",
                        List.of(1, 20, 33, 40),
                        "max_new_tokens",
                        3,
                        "capture",
                        List.of("blocks.0.attn.hook_pattern"),
                        "interventions",
                        List.of(Map.of("hook", "blocks.0.attn.hook_z", "op", "zero", "heads", List.of(0)))));
        assertThat(run.get("next")).isNotEmpty();
        assertThat(run.at("/next/0/prob").asDouble()).isBetween(0.0, 1.0);
        String id = run.get("run").asText();
        JsonNode zeroed = answer(client, "capture", Map.of("run", id, "hook", "blocks.0.attn.hook_z", "heads", "0"));
        assertThat(zeroed.get("max").asDouble()).isZero();
        JsonNode pattern =
                answer(client, "capture", Map.of("run", id, "hook", "blocks.0.attn.hook_pattern", "positions", "-1"));
        int heads = pattern.at("/shape/1").asInt();
        assertThat(pattern.get("mean").asDouble()
                        * heads
                        * pattern.at("/shape/3").asInt())
                .isCloseTo(heads, org.assertj.core.data.Offset.offset(1e-3));
        JsonNode lens = answer(client, "lens", Map.of("run", id));
        assertThat(lens.get("position").asInt()).isEqualTo(3);
        JsonNode last = lens.get("layers").get(lens.get("layers").size() - 1);
        assertThat(last.get("rank_of_final").asInt()).isZero();

        JsonNode same = answer(client, "compare", Map.of("b", Map.of(), "tokens", List.of(1, 20, 33)));
        assertThat(same.get("mean_kl").asDouble()).isZero();
        JsonNode patch = answer(
                client,
                "analyse",
                Map.of(
                        "kind",
                        "patch",
                        "clean",
                        CLEAN,
                        "corrupt",
                        CORRUPT,
                        "metric",
                        Map.of("name", "logit"),
                        "by",
                        "layer"));
        assertThat(patch.at("/best/0/value").asDouble()).isNotZero();
        assertThat(patch.get("analysis").asText()).isNotBlank();
        JsonNode edges = answer(
                client,
                "analyse",
                Map.of(
                        "kind",
                        "edges",
                        "clean",
                        CLEAN,
                        "corrupt",
                        CORRUPT,
                        "metric",
                        Map.of("name", "logit"),
                        "steps",
                        2,
                        "measured",
                        3));
        assertThat(edges.get("faithfulness")).isNotEmpty();

        assertThat(refusal(client, "run", Map.of("prompt", "a", "max_new_tokens", "three")))
                .contains("where: max_new_tokens", "expected: a whole number", "found: \"three\"");
        assertThat(refusal(client, "run", Map.of("promt", "a"))).contains("there is no such field", "prompt");
        assertThat(refusal(client, "open", Map.of("model", "none"))).contains("none");
        assertThat(refusal(client, "capture", Map.of("run", id, "hook", "blocks.0.nothing")))
                .contains("no such hook point", "found: blocks.{i}.nothing");
        assertThat(refusal(client, "analyse", Map.of("kind", "guess", "clean", CLEAN)))
                .contains("patch, attribution, path, edges, restore");
    }

    @Test
    void aProcessAnswersOverStandardInputAndOutput() {
        List<String> command = command();
        StdioClientTransport transport = new StdioClientTransport(
                ServerParameters.builder(command.get(0))
                        .args(command.subList(1, command.size()))
                        .build(),
                McpJsonDefaults.getMapper());
        List<String> progress = new CopyOnWriteArrayList<>();
        try (McpSyncClient client = client(transport, progress)) {
            everyTool(client);
        }
        assertThat(progress).contains("tokens");
    }

    /** By hand: every line of standard output is a message, and the process ends with its input. */
    @Test
    void standardOutputIsTheProtocolsAlone() throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (OutputStream in = process.getOutputStream();
                BufferedReader out =
                        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            send(
                    in,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
                            + "\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}");
            assertThat(tree(out.readLine()).at("/result/serverInfo/name").asText())
                    .isEqualTo("llm-inspector");
            send(in, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
            send(
                    in,
                    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"run\",\"arguments\":"
                            + "{\"prompt\":\"the cat\"}}}");
            JsonNode answered = tree(out.readLine());
            assertThat(answered.get("id").asInt()).isEqualTo(2);
            assertThat(answered.at("/result/isError").asBoolean())
                    .as(answered.toString())
                    .isFalse();
            in.close();
            assertThat(out.readLine()).isNull();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
        }
    }

    private static void send(OutputStream in, String line) throws IOException {
        in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        in.flush();
    }

    @Test
    void httpAnswersAndRefusesOtherSites() throws IOException {
        InspectorConfig config = new InspectorConfig(
                List.of(models), models.resolve("tiny"), folder.resolve("http/runs"), 1L << 30, 8L << 20, 16);
        try (Inspector inspector = Inspector.open(config);
                StreamableHttp server = StreamableHttp.start(inspector, 0)) {
            HttpClientStreamableHttpTransport transport = HttpClientStreamableHttpTransport.builder(
                            "http://127.0.0.1:" + server.port())
                    .endpoint(StreamableHttp.PATH)
                    .build();
            try (McpSyncClient client = client(transport, new ArrayList<>())) {
                client.initialize();
                assertThat(client.listTools().tools()).hasSize(TOOLS.length);
                JsonNode run = answer(client, "run", Map.of("prompt", "the cat"));
                String id = run.get("run").asText();
                assertThat(inspector.runs().stored().manifest(id).prompt()).isEqualTo("the cat");
                assertThat(refusal(client, "lens", Map.of("run", "none"))).contains("none");
            }
            assertThat(status(server, "Host: evil.example\n")).isIn(403, 421);
            assertThat(status(server, "Host: localhost:" + server.port() + "\nOrigin: http://evil.example\n"))
                    .isEqualTo(403);
            assertThat(status(server, "Host: localhost:" + server.port() + "\n"))
                    .isEqualTo(200);
        }
    }

    /** The status of an initialize request with these headers. */
    private static int status(StreamableHttp server, String headers) throws IOException {
        String body =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
                        + "\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}";
        String request = "POST /mcp HTTP/1.1\n" + headers
                + "Content-Type: application/json\nAccept: application/json, text/event-stream\nConnection: close\n"
                + "Content-Length: " + body.length() + "\n\n";
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.getOutputStream().write((request.replace("\n", "\r\n") + body).getBytes(StandardCharsets.UTF_8));
            String line = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))
                    .readLine();
            return Integer.parseInt(line.split(" ")[1]);
        }
    }
}
