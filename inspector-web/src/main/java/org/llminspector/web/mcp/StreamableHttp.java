package org.llminspector.web.mcp;

import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.transport.DefaultServerTransportSecurityValidator;
import io.modelcontextprotocol.server.transport.HttpServletStreamableServerTransportProvider;
import java.io.IOException;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;

/** The protocol over streamable HTTP, at the loopback address only: another Host or Origin is refused. */
public final class StreamableHttp implements AutoCloseable {

    public static final String PATH = "/mcp";

    private static final String ADDRESS = "127.0.0.1";
    private static final List<String> NAMES = List.of("localhost", ADDRESS, "[::1]");

    private final Server jetty;
    private final McpSyncServer tools;
    private final int port;

    private StreamableHttp(Server jetty, McpSyncServer tools, int port) {
        this.jetty = jetty;
        this.tools = tools;
        this.port = port;
    }

    /** @param port 0 takes a free one */
    public static StreamableHttp start(Inspector inspector, int port) {
        Server jetty = new Server();
        ServerConnector connector = new ServerConnector(jetty);
        connector.setHost(ADDRESS);
        connector.setPort(port);
        try {
            connector.open(); // its port is in the names that are allowed
        } catch (IOException e) {
            throw Problem.of(Problem.Kind.CONFLICT, "the address cannot be bound")
                    .where(ADDRESS + ":" + port)
                    .found("another program has it")
                    .instead("choose another with --port; --port 0 takes a free one")
                    .causedBy(e);
        }
        int bound = connector.getLocalPort();
        List<String> authorities = NAMES.stream().map(n -> n + ":" + bound).toList();
        HttpServletStreamableServerTransportProvider transport = HttpServletStreamableServerTransportProvider.builder()
                .jsonMapper(McpJsonDefaults.getMapper())
                .mcpEndpoint(PATH)
                .httpHeaderValidator(DefaultServerTransportSecurityValidator.builder()
                        .allowedHosts(authorities)
                        .allowedOrigins(
                                authorities.stream().map(a -> "http://" + a).toList())
                        .build())
                .build();
        McpSyncServer tools = ToolServer.build(McpServer.sync(transport), inspector);
        ServletHolder holder = new ServletHolder(transport);
        holder.setAsyncSupported(true);
        ServletContextHandler context = new ServletContextHandler();
        context.addServlet(holder, PATH);
        jetty.addConnector(connector);
        jetty.setHandler(context);
        try {
            jetty.start();
        } catch (Exception e) {
            throw new IllegalStateException("Jetty does not start", e);
        }
        return new StreamableHttp(jetty, tools, bound);
    }

    /** Where clients connect. */
    public String address() {
        return "http://" + ADDRESS + ":" + port + PATH;
    }

    public int port() {
        return port;
    }

    @Override
    public void close() {
        tools.close();
        try {
            jetty.stop();
        } catch (Exception e) {
            throw new IllegalStateException("Jetty does not stop", e);
        }
    }
}
