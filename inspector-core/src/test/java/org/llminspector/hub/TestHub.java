package org.llminspector.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * A Hugging Face hub on this machine: its API, its {@code resolve}, and a CDN on a second port that large files
 * redirect to. It serves huggingface_hub as well as our client ({@link #main}), and fails where configured to.
 */
public final class TestHub implements AutoCloseable {

    public static final String REPO = "tiny/llama";
    public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
    static final String OLD_COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
    static final Path GOLDEN = Path.of("src/test/resources/golden/hf");

    /** One request: {@code at} is hub or cdn. */
    public record Seen(String at, String method, String path, String range, String authorization) {}

    /** What goes wrong with the next answer of hub or cdn for a path that ends so. */
    public record Fault(
            String at, String suffix, int status, Map<String, String> headers, int cutAfter, long silentMs) {
        static Fault status(String at, String suffix, int status, Map<String, String> headers) {
            return new Fault(at, suffix, status, headers, -1, 0);
        }

        /** The connection to the CDN ends after this number of bytes. */
        public static Fault cut(String suffix, int bytes) {
            return silent(suffix, bytes, 100); // what was sent is to be read before the connection goes
        }

        /** The CDN sends this number of bytes, and then nothing for this time. */
        public static Fault silent(String suffix, int bytes, long ms) {
            return new Fault("cdn", suffix, 0, Map.of(), bytes, ms);
        }
    }

    public final Map<String, byte[]> files = new TreeMap<>();
    public final List<Seen> seen = new CopyOnWriteArrayList<>();
    public final Map<String, byte[]> lies = new ConcurrentHashMap<>(); // what is sent instead of a file
    volatile String commit = COMMIT;
    public volatile String token; // null: open to all
    volatile boolean ignoresRange;
    volatile boolean knowsSizes = true;
    volatile int bytesPerMs = Integer.MAX_VALUE;

    private final Deque<Fault> faults = new ArrayDeque<>();
    private final HttpServer hub;
    private final HttpServer cdn;
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "test-hub");
        thread.setDaemon(true);
        return thread;
    });

    TestHub() throws IOException {
        this(0);
    }

    private TestHub(int port) throws IOException {
        hub = server("hub", port);
        cdn = server("cdn", 0);
    }

    /** The tiny golden llama, with the additional files of real repositories. */
    static TestHub llama() throws IOException {
        return new TestHub().fill();
    }

    /** The files of a folder. */
    public static TestHub of(Path folder) throws IOException {
        TestHub hub = new TestHub();
        try (var all = Files.list(folder)) {
            for (Path file : all.toList()) hub.files.put(file.getFileName().toString(), Files.readAllBytes(file));
        }
        return hub;
    }

    private TestHub fill() throws IOException {
        for (String name : List.of("config.json", "generation_config.json", "model.safetensors")) {
            files.put(name, Files.readAllBytes(GOLDEN.resolve("llama").resolve(name)));
        }
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")) {
            text(name, "{\"file\": \"" + name + "\"}\n");
        }
        text("chat_template.jinja", "{{ messages }}\n");
        for (String name : List.of(
                "README.md",
                "LICENSE",
                ".gitattributes",
                "merges.txt",
                "vocab.json",
                "pytorch_model.bin",
                "tf_model.h5",
                "flax_model.msgpack",
                "onnx/model.onnx",
                "onnx/config.json",
                "original/consolidated.00.pth",
                "a name with spaces.md")) {
            text(name, "not needed\n");
        }
        return this;
    }

    TestHub sharded() throws IOException {
        files.remove("model.safetensors");
        try (var all = Files.list(GOLDEN.resolve("llama_sharded"))) {
            for (Path file : all.toList()) {
                String name = file.getFileName().toString();
                if (name.startsWith("model")) files.put(name, Files.readAllBytes(file));
            }
        }
        return this;
    }

    void text(String name, String text) {
        files.put(name, text.getBytes(StandardCharsets.UTF_8));
    }

    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
    }

    public void fault(Fault fault) {
        synchronized (faults) {
            faults.add(fault);
        }
    }

    public List<Seen> seen(String at, String method, String suffix) {
        return seen.stream()
                .filter(s -> s.at().equals(at)
                        && s.method().equals(method)
                        && s.path().endsWith(suffix))
                .toList();
    }

    private HttpServer server(String name, int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            try (exchange) {
                answer(name, exchange);
            }
        });
        server.start();
        return server;
    }

    private void answer(String at, HttpExchange x) throws IOException {
        String path = x.getRequestURI().getRawPath();
        seen.add(new Seen(
                at,
                x.getRequestMethod(),
                path,
                x.getRequestHeaders().getFirst("Range"),
                x.getRequestHeaders().getFirst("Authorization")));
        Fault fault = fault(at, path);
        if (fault != null && fault.status() != 0) {
            fault.headers().forEach(x.getResponseHeaders()::set);
            x.sendResponseHeaders(fault.status(), -1);
        } else if (at.equals("cdn")) {
            bytes(x, path.substring(1), fault);
        } else if (path.startsWith("/api/models/" + REPO + "/")) {
            api(x, path.substring(("/api/models/" + REPO + "/").length()));
        } else if (path.startsWith("/old-name/resolve/")) {
            x.getResponseHeaders().set("Location", path.replace("/old-name/", "/" + REPO + "/")); // relative
            x.sendResponseHeaders(307, -1);
        } else if (path.startsWith("/" + REPO + "/resolve/")) {
            resolve(x, path.substring(("/" + REPO + "/resolve/").length()), fault);
        } else if (path.startsWith("/api/models/old-name/")) {
            x.getResponseHeaders().set("Location", path.replace("/old-name/", "/" + REPO + "/"));
            x.sendResponseHeaders(307, -1);
        } else {
            error(x, x.getRequestHeaders().containsKey("Authorization") ? 404 : 401, "RepoNotFound");
        }
    }

    private Fault fault(String at, String path) {
        synchronized (faults) {
            Fault next = faults.peek();
            return next != null && at.equals(next.at()) && path.endsWith(next.suffix()) ? faults.poll() : null;
        }
    }

    private void api(HttpExchange x, String what) throws IOException {
        String revision = URLDecoder.decode(what.substring(what.indexOf('/') + 1), StandardCharsets.UTF_8);
        if (!List.of("main", "refs/pr/1", commit).contains(revision)) {
            error(x, 404, "RevisionNotFound");
            return;
        }
        String list = files.entrySet().stream()
                .map(e -> what.startsWith("tree/") ? tree(e.getKey(), e.getValue()) : sibling(e.getKey(), e.getValue()))
                .collect(Collectors.joining(","));
        String json = what.startsWith("tree/")
                ? "[" + list + "]"
                : "{\"id\":\"" + REPO + "\",\"sha\":\"" + commit + "\",\"siblings\":[" + list + "]}";
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        x.getResponseHeaders().set("Content-Type", "application/json");
        x.sendResponseHeaders(200, body.length);
        x.getResponseBody().write(body);
    }

    private String sibling(String name, byte[] bytes) {
        if (!knowsSizes) return "{\"rfilename\":\"" + name + "\"}";
        String lfs = lfs(name)
                ? ",\"lfs\":{\"sha256\":\"" + sha256(bytes) + "\",\"size\":" + bytes.length + ",\"pointerSize\":131}"
                : "";
        return "{\"rfilename\":\"" + name + "\",\"blobId\":\"" + gitSha1(bytes) + "\",\"size\":" + bytes.length + lfs
                + "}";
    }

    private static String tree(String name, byte[] bytes) {
        String lfs = lfs(name)
                ? ",\"lfs\":{\"oid\":\"" + sha256(bytes) + "\",\"size\":" + bytes.length + ",\"pointerSize\":131}"
                : "";
        return "{\"type\":\"file\",\"path\":\"" + name + "\",\"oid\":\"" + gitSha1(bytes) + "\",\"size\":"
                + bytes.length + lfs + "}";
    }

    private void resolve(HttpExchange x, String what, Fault fault) throws IOException {
        String name = URLDecoder.decode(what.substring(what.indexOf('/') + 1), StandardCharsets.UTF_8);
        byte[] bytes = files.get(name);
        if (token != null && !("Bearer " + token).equals(x.getRequestHeaders().getFirst("Authorization"))) {
            error(x, x.getRequestHeaders().containsKey("Authorization") ? 403 : 401, "GatedRepo");
            return;
        }
        x.getResponseHeaders().set("X-Repo-Commit", commit);
        if (bytes == null) {
            error(x, 404, "EntryNotFound");
        } else if (lfs(name)) {
            x.getResponseHeaders().set("X-Linked-Etag", "\"" + sha256(bytes) + "\"");
            x.getResponseHeaders().set("X-Linked-Size", Integer.toString(bytes.length));
            x.getResponseHeaders().set("ETag", "\"of-the-redirect\"");
            x.getResponseHeaders()
                    .set(
                            "Location",
                            "http://127.0.0.1:" + cdn.getAddress().getPort() + "/" + name + "?Signature=secret");
            x.sendResponseHeaders(302, -1);
        } else {
            x.getResponseHeaders().set("ETag", "W/\"" + gitSha1(bytes) + "\"");
            bytes(x, name, fault);
        }
    }

    private void bytes(HttpExchange x, String name, Fault fault) throws IOException {
        byte[] bytes = lies.getOrDefault(name, files.get(name));
        String range = x.getRequestHeaders().getFirst("Range");
        int from = range == null || ignoresRange ? 0 : Integer.parseInt(range.replaceAll("bytes=|-$", ""));
        if (x.getRequestMethod().equals("HEAD")) {
            x.getResponseHeaders().set("Content-Length", Integer.toString(bytes.length));
            x.sendResponseHeaders(200, -1);
            return;
        }
        if (range != null && !ignoresRange) {
            x.getResponseHeaders()
                    .set("Content-Range", "bytes " + from + "-" + (bytes.length - 1) + "/" + bytes.length);
        }
        x.sendResponseHeaders(range == null || ignoresRange ? 200 : 206, bytes.length - from);
        int to = fault == null ? bytes.length : Math.min(bytes.length, from + fault.cutAfter());
        OutputStream out = x.getResponseBody();
        for (int at = from; at < to; ) {
            int n = Math.min(to - at, bytesPerMs);
            out.write(bytes, at, n);
            at += n;
            if (bytesPerMs < Integer.MAX_VALUE) {
                out.flush();
                sleep(1);
            }
        }
        out.flush();
        if (fault != null) sleep(fault.silentMs());
    }

    private static void error(HttpExchange x, int status, String code) throws IOException {
        x.getResponseHeaders().set("X-Error-Code", code);
        x.getResponseHeaders().set("X-Error-Message", "said by the test");
        x.sendResponseHeaders(status, -1);
    }

    static boolean lfs(String name) {
        return !name.contains(".json") && !name.contains(".txt") && !name.contains(".md") && !name.contains(".jinja");
    }

    public static String sha256(byte[] bytes) {
        return hash("SHA-256", bytes);
    }

    static String gitSha1(byte[] bytes) {
        byte[] head = ("blob " + bytes.length + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(head, head.length + bytes.length);
        System.arraycopy(bytes, 0, all, head.length, bytes.length);
        return hash("SHA-1", all);
    }

    private static String hash(String algorithm, byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        hub.stop(0);
        cdn.stop(0);
        threads.shutdownNow();
    }

    /** Serves the tiny llama on a port until it is killed: for huggingface_hub, see resources/hub/README.md. */
    public static void main(String[] args) throws Exception {
        try (TestHub hub = new TestHub(Integer.parseInt(args[0])).fill()) {
            System.out.println(hub.endpoint());
            Thread.sleep(Long.MAX_VALUE);
        }
    }
}
