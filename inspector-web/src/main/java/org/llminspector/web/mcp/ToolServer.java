package org.llminspector.web.mcp;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.modelcontextprotocol.json.schema.JsonSchemaValidator;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpServerFeatures.SyncToolSpecification;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.McpSyncServerExchange;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.run.Inspector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The tools, given to the protocol: a call's JSON to a tool, its answer as compact JSON, a problem as a tool's error. */
final class ToolServer {

    private static final Logger LOG = LoggerFactory.getLogger(ToolServer.class);

    private static final String INSTRUCTIONS =
            "LLM Inspector opens language models and shows what happens inside them. Begin with models; run stores a run"
                    + " whose id capture and lens take; compare and analyse store theirs. Prompts of analyse must have equally"
                    + " many tokens: tokenize counts them.";

    private ToolServer() {}

    static McpSyncServer build(McpServer.SyncSpecification<?> server, Inspector inspector) {
        // Tools read their arguments strictly themselves, and say in words what is wrong.
        JsonSchemaValidator byTools = (schema, value) -> JsonSchemaValidator.ValidationResponse.asValid(null);
        return server.serverInfo("llm-inspector", Version.STRING)
                .instructions(INSTRUCTIONS)
                .capabilities(
                        McpSchema.ServerCapabilities.builder().tools(false).build())
                .validateToolInputs(false)
                .jsonSchemaValidator(byTools)
                .tools(tools(inspector).stream().map(ToolServer::specified).toList())
                .build();
    }

    private static List<Tool> tools(Inspector inspector) {
        return Stream.of(
                        new ModelTools(inspector.models(), inspector.analyses().tokenizations()),
                        new RunTools(inspector.runs(), inspector.analyses().runs()),
                        new CompareTools(inspector.comparisons()),
                        new AnalyseTools(inspector.labs()))
                .flatMap(group -> group.tools().stream())
                .toList();
    }

    private static SyncToolSpecification specified(Tool tool) {
        McpSchema.Tool described = McpSchema.Tool.builder(
                        tool.name(), tool.schema().json())
                .description(tool.description())
                .annotations(McpSchema.ToolAnnotations.builder()
                        .readOnlyHint(!tool.changes())
                        .destructiveHint(false)
                        .openWorldHint(false)
                        .build())
                .build();
        return SyncToolSpecification.builder()
                .tool(described)
                .callHandler((exchange, request) -> call(tool, exchange, request))
                .build();
    }

    private static CallToolResult call(Tool tool, McpSyncServerExchange exchange, CallToolRequest request) {
        try {
            JsonNode arguments = request.arguments() == null
                    ? Json.mapper().createObjectNode()
                    : Json.mapper().valueToTree(request.arguments());
            Object answer = tool.call().answer(arguments, steps(exchange, request));
            return result(
                    Json.mapper()
                            .writeValueAsString(Numbers.rounded(Json.mapper().<JsonNode>valueToTree(answer))),
                    false);
        } catch (Problem p) {
            return result(inWords(p), true);
        } catch (JsonProcessingException | RuntimeException e) {
            LOG.error("the tool {} failed", tool.name(), e);
            return result("the program failed; its log, on standard error, says where", true);
        }
    }

    private static CallToolResult result(String text, boolean error) {
        return CallToolResult.builder().addTextContent(text).isError(error).build();
    }

    private static String inWords(Problem p) {
        StringBuilder text = new StringBuilder(p.what());
        part(text, "where", p.where());
        part(text, "expected", p.expected());
        part(text, "found", p.found());
        part(text, "instead", p.instead());
        return text.toString();
    }

    private static void part(StringBuilder text, String name, String value) {
        if (value != null) text.append('\n').append(name).append(": ").append(value);
    }

    /** Progress notifications, where the client gave a token for them. */
    private static Tool.Steps steps(McpSyncServerExchange exchange, CallToolRequest request) {
        Object token = request.meta() == null ? null : request.meta().get("progressToken");
        if (token == null) return (done, total, note) -> {};
        return (done, total, note) -> {
            Double of = total > 0 ? (double) total : null;
            try {
                exchange.progressNotification(McpSchema.ProgressNotification.builder(token, (double) done)
                        .total(of)
                        .message(note)
                        .build());
            } catch (RuntimeException e) {
                LOG.debug("the client gets no progress any more", e);
            }
        };
    }
}
