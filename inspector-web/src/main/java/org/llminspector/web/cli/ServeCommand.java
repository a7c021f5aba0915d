package org.llminspector.web.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.engine.EngineInfo;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.Server;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that starts the server and its page, and runs until the process is stopped. */
@Command(
        name = "serve",
        customSynopsis = "inspector serve [--model DIR] [--port N] [OPTION...]",
        description = "Starts the server: the page, the REST interface under /api/v1, its reference at /docs.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  inspector serve --open              for you, on this machine",
            "  inspector serve --host 0.0.0.0      for others; they need the token it prints",
            "",
            "Ctrl-C or SIGTERM stops it: runs under way end at their next token and are kept."
        })
final class ServeCommand extends ModelCommand {

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "7070",
            description = "0 takes a free one. Default: ${DEFAULT-VALUE}.")
    int port;

    @Option(
            names = "--host",
            paramLabel = "ADDRESS",
            defaultValue = "127.0.0.1",
            description = "The address to listen at; 0.0.0.0 is all of them. Default: ${DEFAULT-VALUE}.")
    String host;

    @Option(
            names = "--token",
            paramLabel = "SECRET",
            defaultValue = "${env:INSPECTOR_TOKEN}",
            description =
                    "What requests must show (INSPECTOR_TOKEN). With a --host that others reach there is always one: it is"
                            + " made up and printed when it is not given.")
    String token;

    @Option(
            names = "--queue",
            paramLabel = "N",
            defaultValue = "16",
            description = "The most runs waiting or running; more are answered with 429. Default: ${DEFAULT-VALUE}.")
    int queue;

    @Option(names = "--open", description = "Open the page in the browser.")
    boolean openBrowser;

    @Mixin
    Help help;

    @Override
    public Integer call() throws InterruptedException {
        check("--port", port, 0, 65535);
        check("--queue", queue, 1, 10_000);
        PrintWriter out = out();
        String secret = token == null && !Server.isLoopback(host) ? madeUp() : token;
        Inspector inspector = places.open(queue);
        Server server;
        try {
            server = Server.start(inspector, new Server.Config(host, port, secret));
        } catch (RuntimeException e) {
            inspector.close();
            throw e;
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, inspector), "stop"));
        String address = "http://" + reachableName() + ":" + server.port() + "/";
        String link = secret == null ? address : address + "?token=" + secret;
        out.println("LLM Inspector is at " + link);
        out.flush();
        openModel(inspector, out);
        if (openBrowser) browse(link, err());
        new CountDownLatch(1).await(); // until the process is stopped
        return 0;
    }

    private static void check(String option, int value, int least, int most) {
        if (value >= least && value <= most) return;
        throw Problem.invalid("the number does not fit")
                .where(option)
                .expected(least + " to " + most)
                .found(value);
    }

    /**
     * The host for the link: localhost for loopback, this machine's name for wildcard addresses, else the given one.
     */
    private String reachableName() {
        if (Server.isLoopback(host)) return "localhost";
        if (!host.equals("0.0.0.0") && !host.equals("::")) return host.contains(":") ? "[" + host + "]" : host;
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    private static String madeUp() {
        byte[] bytes = new byte[18];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static void stop(Server server, Inspector inspector) {
        server.close();
        inspector.close();
    }

    /** Loads the default model ahead of the first run; the server already answers, and keeps running if that fails. */
    private void openModel(Inspector inspector, PrintWriter out) {
        try {
            String slug = slug(inspector);
            EngineInfo engine =
                    inspector.models().load(RunRequest.builder().model(slug).build());
            out.println(String.format(
                    Locale.ROOT,
                    "%s is open: %s %s on %s, %s of weights, %.0f ms",
                    slug,
                    engine.name(),
                    engine.precision().name().toLowerCase(Locale.ROOT),
                    engine.device(),
                    ByteCount.of(engine.weightBytes()),
                    engine.loadMs()));
            out.flush();
        } catch (Problem p) {
            Lines.print(p, err());
            err().flush();
        }
    }

    private static void browse(String link, PrintWriter err) {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        List<String> command = os.contains("mac")
                ? List.of("open", link)
                : os.contains("win")
                        ? List.of("rundll32", "url.dll,FileProtocolHandler", link)
                        : List.of("xdg-open", link);
        try {
            new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            err.println("No browser could be started; open the address yourself.");
            err.flush();
        }
    }
}
