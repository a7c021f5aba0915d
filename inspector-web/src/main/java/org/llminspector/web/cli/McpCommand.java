package org.llminspector.web.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.concurrent.CountDownLatch;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.mcp.Stdio;
import org.llminspector.web.mcp.StreamableHttp;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that serves tools to an assistant by the Model Context Protocol. */
@Command(
        name = "mcp",
        customSynopsis = "inspector mcp [--http [--port N]] [OPTION...]",
        description = {
            "Serves tools to an assistant by the Model Context Protocol: models, open, tokenize, run, capture, lens, compare,"
                    + " analyse.",
            "",
            "Over standard input and output, until the client closes them; or over streamable HTTP, for this machine only."
        },
        sortOptions = false,
        footer = {
            "",
            "For an assistant's configuration (docs/mcp.md):",
            "  {\"command\": \".../scripts/inspector\", \"args\": [\"mcp\"]}"
        })
final class McpCommand extends ModelCommand {

    private static final int QUEUE = 16;

    @Option(names = "--http", description = "Serve over HTTP, at /mcp, instead of standard input and output.")
    boolean http;

    @Option(names = "--port", paramLabel = "N", description = "With --http; 0 takes a free one. Default: 7071.")
    Integer port;

    @Mixin
    Help help;

    @Override
    public Integer call() throws InterruptedException {
        Lines.warningsOnly();
        if (port != null && !http) {
            throw Problem.invalid("a port goes with --http").where("--port").expected("--http too");
        }
        if (port != null && (port < 0 || port > 65535)) {
            throw Problem.invalid("the number does not fit")
                    .where("--port")
                    .expected("0 to 65535")
                    .found(port);
        }
        if (http) serveHttp(port == null ? 7071 : port);
        else serveStdio();
        return 0;
    }

    /** Standard output is the protocol's alone: whatever else prints goes to standard error. */
    private void serveStdio() throws InterruptedException {
        System.setOut(System.err);
        try (Inspector inspector = places.open(QUEUE)) {
            Stdio.serve(inspector, System.in, new FileOutputStream(FileDescriptor.out));
        }
    }

    private void serveHttp(int at) throws InterruptedException {
        Inspector inspector = places.open(QUEUE);
        StreamableHttp server;
        try {
            server = StreamableHttp.start(inspector, at);
        } catch (RuntimeException e) {
            inspector.close();
            throw e;
        }
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            server.close();
                            inspector.close();
                        },
                        "stop"));
        err().println("MCP is served at " + server.address());
        err().flush();
        new CountDownLatch(1).await(); // until the process is stopped
    }
}
