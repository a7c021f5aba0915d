package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThatNoException;

import java.util.concurrent.CountDownLatch;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.run.RunListener;
import org.llminspector.run.request.RunRequest;

/** Holder is a run that keeps the engine busy until it is closed; it goes past HTTP. */
final class Holder implements AutoCloseable, RunListener {

    private final CountDownLatch busy = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final Thread thread;

    Holder(LiveServer live) throws Exception {
        RunRequest request = Contract.JSON.readValue(LiveServer.TOKENS, RunRequest.class);
        thread = new Thread(() -> live.inspector.runs().run(request, this));
        thread.start();
        busy.await();
    }

    @Override
    public void prefilled(KvCacheReport kvCache, double ms) {
        busy.countDown();
        assertThatNoException().isThrownBy(go::await);
    }

    @Override
    public void close() throws InterruptedException {
        go.countDown();
        thread.join();
    }
}
