package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.web.server.LiveServer.within;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import org.llminspector.web.server.http.Bodies;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.RunEvent;

/** Clients that send slowly, or do not read, block no other client and fill no memory. */
class SlowClientsTest extends LiveTest {

    private static final String RUN = "{\"tokens\":[1,2,3],\"name\":\"slow\"}";

    @Test
    void slowBodiesHoldNoThread() throws Exception {
        List<Socket> slow = new ArrayList<>();
        try {
            for (int i = 0; i < 200; i++) {
                slow.add(begun(live.server.port(), RUN.substring(0, 5), RUN.length()));
            }
            assertThat(live.get("/api/v1/health").status()).isEqualTo(200);
            assertThat(live.get("/api/v1/models").status()).isEqualTo(200);
            live.run(LiveServer.TOKENS);
            // The last of them completes its request, and is answered.
            Socket last = slow.get(slow.size() - 1);
            last.getOutputStream().write(RUN.substring(5).getBytes(StandardCharsets.UTF_8));
            assertThat(line(last)).isEqualTo("HTTP/1.1 201 Created");
        } finally {
            for (Socket s : slow) s.close();
        }
    }

    @Test
    void readersThatDoNotReadLeaveHealthAnswering() throws Exception {
        String run = live.run("{\"tokens\":[" + "1,".repeat(200) + "1],\"capture\":[\"blocks.*.attn.hook_*\"]}");
        List<Socket> readers = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                Socket s = new Socket();
                s.setReceiveBufferSize(4 << 10);
                s.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), live.server.port()));
                readers.add(s);
                send(s, "GET /api/v1/runs/" + run + "/export HTTP/1.1\nHost: localhost\n\n");
            }
            for (int i = 0; i < 20; i++) {
                assertThat(live.get("/api/v1/health").status()).isEqualTo(200);
            }
        } finally {
            for (Socket s : readers) s.close();
        }
        assertThat(live.get("/api/v1/runs/" + run).status()).isEqualTo(200);
    }

    @Test
    void aReaderTooFarBehindIsGivenUp() throws InterruptedException {
        Events events = new Events();
        AtomicInteger givenUp = new AtomicInteger();
        events.onOverflow(givenUp::incrementAndGet);
        for (int i = 0; i < 10_000; i++) events.send(new RunEvent("token", i));
        events.send(new RunEvent("done", "manifest"));
        assertThat(givenUp.get()).isPositive();
        int read = 0;
        RunEvent event = events.next(0);
        while (!event.last()) {
            assertThat(event.data()).isEqualTo(read++);
            event = events.next(0);
        }
        assertThat(read + givenUp.get()).isEqualTo(10_000);
        assertThat(event.data()).isEqualTo("manifest");
    }

    /** All bodies together are bounded, come whole, and are refused when they come too slowly. */
    @Test
    void bodiesAreBounded() throws Exception {
        Bodies bodies = new Bodies(64 << 10, 0);
        Server jetty = new Server();
        ServerConnector connector = new ServerConnector(jetty);
        jetty.addConnector(connector);
        bodies.setHandler(new Echo());
        jetty.setHandler(bodies);
        jetty.start();
        int port = connector.getLocalPort();
        try (Socket half = begun(port, "x".repeat(40_000), 50_000)) {
            within(20, () -> bodies.held() >= 40_000);
            try (Socket other = begun(port, "y".repeat(40_000), 40_000)) {
                assertThat(line(other)).isEqualTo("HTTP/1.1 429 Too Many Requests");
            }
            half.getOutputStream().write("x".repeat(10_000).getBytes(StandardCharsets.UTF_8));
            assertThat(line(half)).isEqualTo("HTTP/1.1 200 OK");
            within(20, () -> bodies.held() == 0);
        }
        try (Socket chunked = new Socket(InetAddress.getLoopbackAddress(), port)) {
            send(chunked, "POST / HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n3\nabc\n2\nde\n0\n\n");
            assertThat(line(chunked)).isEqualTo("HTTP/1.1 200 OK");
        }
        try (Socket slow = begun(port, "z", 100_000)) {
            slow.setSoTimeout(100);
            String answer = null;
            while (answer == null) {
                slow.getOutputStream().write('z');
                try {
                    answer = line(slow);
                } catch (java.net.SocketTimeoutException e) {
                    // It is still being read.
                }
            }
            assertThat(answer).isEqualTo("HTTP/1.1 408 Request Timeout");
            within(20, () -> bodies.held() == 0);
        } finally {
            jetty.stop();
        }
    }

    private static final class Echo extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            response.setStatus(HttpStatus.OK_200);
            Content.Sink.write(response, true, Content.Source.asString(request), callback);
            return true;
        }
    }

    /** A request under way: its head, and the beginning of its body. */
    private static Socket begun(int port, String part, int length) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        send(socket, "POST /api/v1/runs HTTP/1.1\nHost: localhost\nContent-Length: " + length + "\n\n" + part);
        return socket;
    }

    private static void send(Socket socket, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write(text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    private static String line(Socket socket) throws IOException {
        StringBuilder line = new StringBuilder();
        InputStream in = socket.getInputStream();
        for (int c = in.read(); c >= 0 && c != '\r'; c = in.read()) line.append((char) c);
        return line.toString();
    }
}
