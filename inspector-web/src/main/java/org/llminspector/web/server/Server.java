package org.llminspector.web.server;

import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.http.HttpResponseException;
import io.javalin.router.EndpointNotFound;
import io.javalin.util.JavalinBindException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.server.handler.QoSHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.llminspector.base.Problem;
import org.llminspector.run.Analyses;
import org.llminspector.run.Inspector;
import org.llminspector.run.Runs;
import org.llminspector.run.learn.TrainingJobs;
import org.llminspector.run.models.Models;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.api.AnalysisRoutes;
import org.llminspector.web.server.api.CaptureRoutes;
import org.llminspector.web.server.api.ComparisonRoutes;
import org.llminspector.web.server.api.CostRoutes;
import org.llminspector.web.server.api.DocsRoutes;
import org.llminspector.web.server.api.EmbeddingRoutes;
import org.llminspector.web.server.api.EvidenceRoutes;
import org.llminspector.web.server.api.HeadRoutes;
import org.llminspector.web.server.api.LabRoutes;
import org.llminspector.web.server.api.LearningRoutes;
import org.llminspector.web.server.api.LessonRoutes;
import org.llminspector.web.server.api.ModelRoutes;
import org.llminspector.web.server.api.NeuronRoutes;
import org.llminspector.web.server.api.PositionRoutes;
import org.llminspector.web.server.api.PullRoutes;
import org.llminspector.web.server.api.RunRoutes;
import org.llminspector.web.server.api.SamplingRoutes;
import org.llminspector.web.server.api.SweepRoutes;
import org.llminspector.web.server.api.SystemRoutes;
import org.llminspector.web.server.api.TextRoutes;
import org.llminspector.web.server.api.TrainingRoutes;
import org.llminspector.web.server.api.WeightRoutes;
import org.llminspector.web.server.http.Bodies;
import org.llminspector.web.server.http.JettyErrors;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.Problems;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunStream;
import org.llminspector.web.server.openai.OpenAiRoutes;
import org.llminspector.web.server.openai.OpenAiTokenizer;

/** The HTTP server. */
public final class Server implements AutoCloseable {

    /**
     * @param host to bind to
     * @param port to bind to; 0 picks a free one
     * @param token the access token that requests must carry, or null: then the host must be a loopback address
     */
    public record Config(String host, int port, String token) {
        public Config {
            if (token == null && !isLoopback(host)) {
                throw Problem.invalid("a server that others can reach needs a token")
                        .where("--token")
                        .expected("a secret");
            }
        }
    }

    /** A percent sign not followed by two hex digits (%uff0e): Jetty lets it pass, and Javalin fails on it. */
    private static final Pattern NO_ADDRESS = Pattern.compile("%(?![0-9A-Fa-f]{2})");
    /** Concurrent requests that only read; those of {@link WorkThreads} do not count. */
    private static final int READS = 48;
    /** Additional threads that reads other than /health cannot occupy: Jetty's own, and a reserve. */
    private static final int SPARE_THREADS = 24;
    /** How long a read waits for a thread before it is refused with 503. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /** How long a stop waits for answers to be sent. */
    private static final long STOP_MS = 20_000;

    private final Config config;
    private final TrainingJobs training;
    private final Javalin javalin;
    private final WorkThreads work;
    private final Metrics metrics;
    private final ExecutorService runThreads = Executors.newCachedThreadPool(WorkThreads.daemon("run-stream"));

    private Server(Inspector inspector, Config config) {
        this.config = config;
        this.training = inspector.training().jobs();
        this.metrics = new Metrics(inspector.queue(), inspector.models());
        this.work = new WorkThreads(inspector.queue());
        this.javalin = Javalin.create(c -> configure(c, inspector));
    }

    /** Starts the server. The caller closes the inspector, after the server. */
    public static Server start(Inspector inspector, Config config) {
        Server server = new Server(inspector, config);
        try {
            server.javalin.start(config.host(), config.port());
        } catch (JavalinBindException e) {
            server.work.close();
            server.metrics.close();
            throw Problem.of(Problem.Kind.CONFLICT, "the address cannot be bound")
                    .where(config.host() + ":" + config.port())
                    .found("another program has it, or it is not this machine's")
                    .instead("choose another with --port; --port 0 takes a free one")
                    .causedBy(e);
        }
        return server;
    }

    private void configure(JavalinConfig c, Inspector inspector) {
        c.startup.showJavalinBanner = false;
        c.startup.showOldJavalinVersionWarning = false;
        c.startup.startupWatcherEnabled = false;
        c.http.prefer405over404 = true;
        c.http.compressionStrategy = compression();
        c.jetty.threadPool = new QueuedThreadPool(READS + SPARE_THREADS, 8, 60_000);
        c.jetty.addConnector((jetty, http) -> new ClientEndPoint.Connector(jetty, http, config.host(), config.port()));
        c.jetty.modifyServer(jetty -> {
            // A request passes these from the last to the first.
            jetty.insertHandler(concurrentReads());
            jetty.insertHandler(new Bodies());
            jetty.insertHandler(new GracefulHandler());
            jetty.setStopTimeout(STOP_MS);
            jetty.setErrorHandler(new JettyErrors());
        });
        c.jetty.modifyServletContextHandler(context -> context.setErrorHandler(new JettyErrors()));

        Page page = new Page();
        Access access = new Access(config.host(), config.token());
        c.routes.before(ctx -> {
            SecurityHeaders.set(ctx);
            access.check(ctx);
            if (NO_ADDRESS.matcher(ctx.path()).find()) {
                throw Problem.notFound("there is nothing here").where(ctx.path());
            }
        });
        c.routes.exception(EndpointNotFound.class, (e, ctx) -> {
            if (page.owns(ctx)) page.index(ctx);
            else Problems.answer(ctx, e);
        });
        c.routes.exception(HttpResponseException.class, (e, ctx) -> Problems.answer(ctx, e));
        c.routes.exception(Exception.class, (e, ctx) -> Problems.answer(ctx, e));
        c.router.handlerWrapper(work::wrap);
        c.router.javaLangErrorHandler((response, error) -> Problems.answer(response, error));
        c.requestLogger.http(metrics::request);

        routes(inspector).forEach(group -> group.register(c.routes));
        page.register(c);
    }

    /** Every group of routes, each with what it needs of the library. */
    private List<Routes> routes(Inspector inspector) {
        Models models = inspector.models();
        Runs runs = inspector.runs();
        Analyses analyses = inspector.analyses();
        Inspector.Training trainings = inspector.training();
        RunQueue queue = inspector.queue();
        RunStream stream = new RunStream(queue, runThreads);
        return List.of(
                new SystemRoutes(models, queue, metrics),
                new TextRoutes(models, analyses),
                new ModelRoutes(models, stream),
                new WeightRoutes(models, analyses, inspector.importances(), queue, stream),
                new PullRoutes(models, queue, stream),
                new TrainingRoutes(trainings.jobs(), trainings.records(), queue, stream),
                new RunRoutes(runs, queue, metrics, stream),
                new CaptureRoutes(runs),
                new LessonRoutes(runs, queue, stream, config.token(), this::address),
                new AnalysisRoutes(models, analyses),
                new HeadRoutes(models, analyses),
                new PositionRoutes(analyses),
                new SamplingRoutes(runs),
                new CostRoutes(analyses, queue, stream),
                new NeuronRoutes(models, analyses),
                new EmbeddingRoutes(models, analyses.embeddings()),
                new LearningRoutes(trainings.learning()),
                new ComparisonRoutes(inspector.comparisons(), inspector.sweepJobs(), queue, stream),
                new LabRoutes(inspector.labs(), queue, stream),
                new SweepRoutes(inspector.sweepJobs(), queue, stream),
                new EvidenceRoutes(inspector.evidence()),
                new OpenAiRoutes(models, runs, queue, metrics, stream),
                new DocsRoutes());
    }

    /** Bounds concurrent reads; further ones wait without a thread. Both health routes are exempt. */
    private static QoSHandler concurrentReads() {
        QoSHandler limit = new QoSHandler();
        limit.setMaxRequestCount(READS);
        limit.setMaxSuspend(PATIENCE);
        limit.excludePath(SystemRoutes.HEALTH, OpenAiTokenizer.HEALTH);
        limit.exclude(r -> WorkThreads.takes(
                r.getMethod(), Request.getPathInContext(r), r.getHeaders().get("Accept")));
        return limit;
    }

    private static CompressionStrategy compression() {
        CompressionStrategy gzip = new CompressionStrategy(null, new io.javalin.compression.Gzip(5));
        List<String> excluded = new ArrayList<>(gzip.getExcludedMimeTypes());
        excluded.addAll(List.of("font/", "application/octet-stream", "application/x-npy", "text/event-stream"));
        gzip.setExcludedMimeTypes(excluded);
        return gzip;
    }

    /** Whether only this machine can reach a server at this address. */
    public static boolean isLoopback(String host) {
        return Access.isLoopback(host);
    }

    /** This server's address from this machine. */
    private String address() {
        String host = config.host();
        if (host.equals("0.0.0.0") || host.equals("::")) host = "127.0.0.1";
        return "http://" + (host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host) + ":" + port();
    }

    public int port() {
        return javalin.port();
    }

    /** For the test that compares the routes with openapi.yaml. */
    Javalin javalin() {
        return javalin;
    }

    /**
     * Refuses new requests, cancels runs and training under way (their results so far are stored), and lets answers
     * finish.
     */
    @Override
    public void close() {
        work.cancelAll();
        training.close();
        javalin.stop();
        work.close();
        runThreads.shutdown();
        metrics.close();
    }
}
