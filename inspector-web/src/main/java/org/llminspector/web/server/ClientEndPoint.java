package org.llminspector.web.server;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Executor;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * TCP connection that can be checked for a client's disconnect while a request is being answered, when Jetty does not
 * read from it.
 *
 * <p>Only a read distinguishes a closed connection from a silent one. Bytes that such a read finds are the beginning of
 * the next, pipelined request; they are kept and handed to Jetty at its next read. A client that closes only its
 * sending side counts as disconnected.
 */
final class ClientEndPoint extends SocketChannelEndPoint {

    /** Connector whose connections are client end points. */
    static final class Connector extends ServerConnector {

        Connector(Server server, HttpConfiguration http, String host, int port) {
            super(server, new HttpConnectionFactory(http));
            setHost(host);
            setPort(port);
        }

        @Override
        protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
            SocketChannelEndPoint endPoint = new ClientEndPoint(channel, selector, key, getScheduler(), getExecutor());
            endPoint.setIdleTimeout(getIdleTimeout());
            return endPoint;
        }
    }

    /** Most bytes of pipelined requests that are read ahead; beyond them a disconnect is not noticed. */
    private static final int MOST_AHEAD = 4 << 10;

    private final Executor executor;
    private final Object reading = new Object();
    /** Bytes read ahead, ready to be taken. */
    private ByteBuffer ahead = BufferUtil.EMPTY_BUFFER;

    private boolean ended;

    private ClientEndPoint(
            SocketChannel channel, ManagedSelector selector, SelectionKey key, Scheduler scheduler, Executor executor) {
        super(channel, selector, key, scheduler);
        this.executor = executor;
    }

    /** The connection of a request; null where it is of another kind. */
    static ClientEndPoint of(HttpServletRequest request) {
        EndPoint endPoint = ServletContextRequest.getServletContextRequest(request)
                .getConnectionMetaData()
                .getConnection()
                .getEndPoint();
        return endPoint instanceof ClientEndPoint client ? client : null;
    }

    /** Whether the client has closed the connection. Never blocks; may be called from any thread. */
    boolean disconnected() {
        synchronized (reading) {
            if (ended || !isOpen()) return true;
            if (isFillInterested()) return false; // Jetty is reading, and notices the end itself
            if (ahead.capacity() == 0) ahead = BufferUtil.allocate(MOST_AHEAD);
            int from = BufferUtil.flipToFill(ahead);
            try {
                ended = ahead.hasRemaining() && getChannel().read(ahead) < 0;
            } catch (IOException reset) {
                ended = true;
            } finally {
                BufferUtil.flipToFlush(ahead, from);
            }
            return ended;
        }
    }

    @Override
    public int fill(ByteBuffer buffer) throws IOException {
        synchronized (reading) {
            if (!ahead.hasRemaining()) return super.fill(buffer);
            notIdle();
            return BufferUtil.append(buffer, ahead);
        }
    }

    @Override
    protected void needsFillInterest() {
        synchronized (reading) {
            if (!ahead.hasRemaining() && !ended) {
                super.needsFillInterest();
                return;
            }
        }
        executor.execute(() -> getFillInterest().fillable());
    }
}
