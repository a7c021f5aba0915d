package org.llminspector.web.mcp;

import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.transport.StdioServerTransportProvider;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CountDownLatch;
import org.llminspector.run.Inspector;

/** The protocol over standard input and output, for the one client that started this process. */
public final class Stdio {

    private Stdio() {}

    /** Serves until the client closes its end. */
    public static void serve(Inspector inspector, InputStream in, OutputStream out) throws InterruptedException {
        CountDownLatch closed = new CountDownLatch(1);
        StdioServerTransportProvider transport =
                new StdioServerTransportProvider(McpJsonDefaults.getMapper(), new Watched(in, closed), out);
        McpSyncServer server = ToolServer.build(McpServer.sync(transport), inspector);
        closed.await();
        server.close();
    }

    /** A stream that says when it has ended, which the transport does not. */
    private static final class Watched extends FilterInputStream {

        private final CountDownLatch ended;

        Watched(InputStream in, CountDownLatch ended) {
            super(in);
            this.ended = ended;
        }

        @Override
        public int read() throws IOException {
            return noted(super.read());
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            return noted(super.read(into, offset, length));
        }

        private int noted(int read) {
            if (read < 0) ended.countDown();
            return read;
        }
    }
}
