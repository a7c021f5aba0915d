package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.hub.TestHub.Fault;

/** HubClient against a hub on this machine: what it fetches, how it writes it down, and what it does when things fail. */
class HubClientTest {

    private static final Backoff QUICK = new Backoff(Duration.ofMillis(5), Duration.ofSeconds(3));
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    Path cache;

    private TestHub hub;

    @BeforeEach
    void start() throws IOException {
        hub = TestHub.llama();
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    private HubSettings settings(Map<String, String> more) {
        Map<String, String> env = new java.util.HashMap<>(more);
        env.put("HF_ENDPOINT", hub.endpoint().toString());
        env.put("HF_HUB_CACHE", cache.toString());
        return HubSettings.of(env, cache.resolve("nobody"));
    }

    private HubClient client(Map<String, String> more) {
        return new HubClient(settings(more), QUICK, DiskSpace.REAL);
    }

    private HubClient client() {
        return client(Map.of());
    }

    private Pulled pull() {
        return pull(client());
    }

    private static Pulled pull(HubClient client) {
        return client.pull(TestHub.REPO, null, Progress.Listener.NONE, () -> false);
    }

    private Problem refused() {
        return refused(client(), TestHub.REPO, null);
    }

    private static Problem refused(HubClient client, String repo, String revision) {
        return catchThrowableOfType(
                Problem.class, () -> client.pull(repo, revision, Progress.Listener.NONE, () -> false));
    }

    private Path repo() {
        return cache.resolve("models--tiny--llama");
    }

    private Path blob(String name) {
        return repo().resolve("blobs").resolve(TestHub.sha256(hub.files.get(name)));
    }

    private void part(String suffix, byte[] bytes) throws IOException {
        Files.createDirectories(repo().resolve("blobs"));
        Files.write(Path.of(blob(WEIGHTS) + suffix), bytes);
    }

    private byte[] firstHalf() {
        byte[] all = hub.files.get(WEIGHTS);
        return Arrays.copyOf(all, all.length / 2);
    }

    private void assertWhole(Pulled pulled) throws IOException {
        for (Pulled.File file : pulled.files()) {
            assertThat(pulled.snapshot().resolve(file.name())).hasBinaryContent(hub.files.get(file.name()));
        }
        assertThat(leftovers()).isEmpty();
    }

    private List<String> leftovers() throws IOException {
        try (Stream<Path> all = Files.walk(repo())) {
            return all.map(p -> p.getFileName().toString())
                    .filter(n -> n.endsWith(".tmp") || n.endsWith(".inspector.incomplete"))
                    .toList();
        }
    }

    @Test
    void aModelIsFetchedWithWhatItNeedsAndNothingElse() throws IOException {
        Pulled pulled = pull();
        assertThat(pulled.files())
                .extracting(Pulled.File::name)
                .containsExactlyInAnyOrder(
                        "config.json",
                        "generation_config.json",
                        "tokenizer.json",
                        "tokenizer_config.json",
                        "special_tokens_map.json",
                        "chat_template.jinja",
                        WEIGHTS);
        assertThat(pulled.files()).extracting(Pulled.File::how).containsOnly(Pulled.How.DOWNLOADED);
        assertThat(pulled.commit()).isEqualTo(TestHub.COMMIT);
        assertThat(pulled.slug()).isEqualTo("tiny--llama");
        assertThat(pulled.note()).isNull();
        assertWhole(pulled);
        try (Checkpoint checkpoint = Checkpoint.open(pulled.snapshot())) {
            assertThat(checkpoint.tensors()).isNotEmpty();
        }
    }

    @Test
    void theCacheIsTheOneThatHuggingFaceHubWrites() throws IOException {
        pull();
        // Written by huggingface_hub 2.4.0 from the same server: see resources/hub/README.md.
        assertThat(CacheListing.of(cache)).isEqualTo(Files.readAllLines(Path.of("src/test/resources/hub/listing.txt")));
    }

    @Test
    void aModelThatIsThereIsNotFetchedAgain() {
        pull();
        hub.seen.clear();
        Pulled again = pull();
        assertThat(again.files()).hasSize(7).extracting(Pulled.File::how).containsOnly(Pulled.How.CACHED);
        assertThat(hub.seen).hasSize(1);
    }

    @Test
    void aNewCommitTakesOnlyWhatChanged() throws IOException {
        pull();
        hub.commit = TestHub.OLD_COMMIT;
        hub.text("generation_config.json", "{\"changed\": true}");
        Pulled next = pull();
        assertThat(next.files())
                .filteredOn(f -> f.how() == Pulled.How.DOWNLOADED)
                .extracting(Pulled.File::name)
                .containsExactly("generation_config.json");
        assertWhole(next);
        assertThat(repo().resolve("refs/main")).hasContent(TestHub.OLD_COMMIT);
        assertThat(repo().resolve("snapshots").resolve(TestHub.COMMIT)).isDirectory();
    }

    @Test
    void shardsAreTheOnesThatTheIndexNames() throws IOException {
        hub.sharded();
        hub.text("model-00009-of-00009.safetensors", "of another model");
        Pulled pulled = pull();
        assertThat(pulled.files())
                .extracting(Pulled.File::name)
                .filteredOn(n -> n.endsWith(".safetensors"))
                .hasSize(4);
        assertThat(hub.seen("hub", "HEAD", "model-00009-of-00009.safetensors")).isEmpty();
        assertWhole(pulled);
        try (Checkpoint checkpoint = Checkpoint.open(pulled.snapshot())) {
            assertThat(checkpoint.tensors()).isNotEmpty();
        }
    }

    @Test
    void aShardThatIsNotThereIsNamedBeforeAnythingBigComes() throws IOException {
        hub.sharded();
        hub.files.remove("model-00002-of-00004.safetensors");
        assertThat(refused().getMessage()).contains("model-00002-of-00004.safetensors");
        assertThat(hub.seen("cdn", "GET", "")).isEmpty();
    }

    @Test
    void withoutATokenizerJsonItsPartsAreTaken() {
        hub.files.remove("tokenizer.json");
        assertThat(pull().files()).extracting(Pulled.File::name).contains("merges.txt", "vocab.json");
    }

    @Test
    void theTokenGoesToTheHubAndNotToTheCdn() {
        hub.token = "hf_secret";
        Pulled pulled = pull(client(Map.of("HF_TOKEN", " hf_secret\n")));
        assertThat(pulled.files()).hasSize(7);
        assertThat(hub.seen).filteredOn(s -> s.at().equals("hub")).allMatch(s -> "Bearer hf_secret"
                .equals(s.authorization()));
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).hasSize(1).allMatch(s -> s.authorization() == null);
        assertThat(settings(Map.of("HF_TOKEN", "hf_secret")).toString()).doesNotContain("secret");
    }

    @Test
    void aRenamedModelIsFoundThroughRelativeRedirects() throws IOException {
        Pulled pulled = client().pull("old-name", null, Progress.Listener.NONE, () -> false);
        assertThat(pulled.snapshot()).isEqualTo(cache.resolve("models--old-name/snapshots/" + TestHub.COMMIT));
        assertWholeOf(pulled);
    }

    private void assertWholeOf(Pulled pulled) {
        assertThat(pulled.snapshot().resolve(WEIGHTS)).hasBinaryContent(hub.files.get(WEIGHTS));
    }

    @Test
    void aCutConnectionIsContinuedWhereItBroke() throws IOException {
        hub.fault(Fault.cut(WEIGHTS, 300_000));
        hub.fault(Fault.cut(WEIGHTS, 300_000));
        Pulled pulled = pull();
        assertWhole(pulled);
        assertThat(hub.seen("cdn", "GET", WEIGHTS))
                .extracting(TestHub.Seen::range)
                .satisfiesExactly(
                        first -> assertThat(first).isNull(),
                        second -> assertThat(second).matches("bytes=[1-9][0-9]*-"),
                        third -> assertThat(third).matches("bytes=[1-9][0-9]*-"));
    }

    @Test
    void aServerThatGoesSilentIsAskedAgain() throws IOException {
        hub.fault(Fault.silent(WEIGHTS, 300_000, 5_000));
        long from = System.nanoTime();
        assertWhole(pull(client(Map.of("HF_HUB_DOWNLOAD_TIMEOUT", "1"))));
        assertThat(Duration.ofNanos(System.nanoTime() - from)).isLessThan(Duration.ofMillis(4_500));
        assertThat(hub.seen("cdn", "GET", WEIGHTS))
                .extracting(TestHub.Seen::range)
                .satisfiesExactly(first -> assertThat(first).isNull(), second -> assertThat(second)
                        .startsWith("bytes="));
    }

    @Test
    void aBrokenDownloadIsContinuedByTheNextPull() throws IOException {
        part(".inspector.incomplete", firstHalf());
        Pulled pulled = pull();
        assertThat(pulled.files())
                .filteredOn(f -> f.how() == Pulled.How.RESUMED)
                .extracting(Pulled.File::name)
                .containsExactly(WEIGHTS);
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).singleElement().matches(s -> s.range()
                .equals("bytes=" + firstHalf().length + "-"));
        assertWhole(pulled);
    }

    @Test
    void whatHuggingFaceHubLeftIsContinuedAndLeftToIt() throws IOException {
        part(".incomplete", firstHalf());
        assertWhole(pull());
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).singleElement().matches(s -> s.range() != null);
        assertThat(Path.of(blob(WEIGHTS) + ".incomplete")).hasBinaryContent(firstHalf());
    }

    @Test
    void aWrongFirstHalfIsFetchedAfresh() throws IOException {
        part(".inspector.incomplete", new byte[firstHalf().length]);
        assertWhole(pull());
        assertThat(hub.seen("cdn", "GET", WEIGHTS))
                .extracting(TestHub.Seen::range)
                .last()
                .isNull();
    }

    @Test
    void aPartLongerThanTheFileIsThrownAway() throws IOException {
        part(".inspector.incomplete", new byte[2_000_000]);
        assertWhole(pull());
    }

    @Test
    void aServerThatIgnoresRangeSendsItAllAgain() throws IOException {
        hub.ignoresRange = true;
        part(".inspector.incomplete", firstHalf());
        assertWhole(pull());
    }

    @Test
    void aServerThatDoesNotSaySizesIsEnough() throws IOException {
        hub.knowsSizes = false;
        assertWhole(pull());
    }

    @Test
    void aFileThatIsNotTheHubsIsDeletedAndReported() throws IOException {
        byte[] wrong = hub.files.get(WEIGHTS).clone();
        wrong[wrong.length / 2] ^= 1;
        hub.lies.put(WEIGHTS, wrong);
        Problem problem = refused();
        assertThat(problem.expected()).isEqualTo("sha256 " + TestHub.sha256(hub.files.get(WEIGHTS)));
        assertThat(problem.found()).isEqualTo("sha256 " + TestHub.sha256(wrong));
        assertThat(problem.getMessage()).contains(WEIGHTS).doesNotContain("Signature");
        assertThat(leftovers()).isEmpty();
        assertThat(blob(WEIGHTS)).doesNotExist();
        assertThat(repo().resolve("refs")).doesNotExist();

        hub.lies.clear();
        assertWhole(pull());
    }

    @Test
    void aSmallFileIsCheckedAgainstGitsHash() throws IOException {
        hub.lies.put("config.json", new byte[hub.files.get("config.json").length]);
        assertThat(refused().expected()).startsWith("git sha1 ");
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void moreBytesThanTheHubSaysAreNotTaken() {
        hub.lies.put(WEIGHTS, new byte[2_000_000]);
        assertThat(refused().found()).contains("more bytes came");
    }

    @Test
    void aGatedModelSaysHowToGetIn() {
        hub.token = "hf_other";
        Problem without = refused();
        assertThat(without.what()).contains("gated");
        assertThat(without.instead()).contains("accept the licence", "HF_TOKEN", hub.endpoint() + "/tiny/llama");
        Problem with = refused(client(Map.of("HF_TOKEN", "hf_mine")), TestHub.REPO, null);
        assertThat(with.what()).contains("gated");
        assertThat(with.getMessage()).doesNotContain("hf_mine");
        assertThat(hub.seen("cdn", "GET", "")).isEmpty();
    }

    @Test
    void whatIsNotThereIsNamed() {
        Problem repo = refused(client(), "nobody/nothing", null);
        assertThat(repo.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
        assertThat(repo.getMessage()).contains("no such model, or it is private", "nobody/nothing", "HTTP 401");
        assertThat(refused(client(Map.of("HF_TOKEN", "t")), "nobody/nothing", null)
                        .found())
                .contains("404");
        Problem revision = refused(client(), TestHub.REPO, "v9");
        assertThat(revision.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
        assertThat(revision.getMessage()).contains("no such revision", "v9");
        hub.fault(Fault.status("hub", WEIGHTS, 404, Map.of("X-Error-Code", "EntryNotFound")));
        Problem file = refused();
        assertThat(file.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
        assertThat(file.getMessage()).contains("no such file", WEIGHTS);
    }

    @Test
    void aPullRequestIsARevisionToo() throws IOException {
        Pulled pulled = client().pull(TestHub.REPO, "refs/pr/1", Progress.Listener.NONE, () -> false);
        assertWhole(pulled);
        assertThat(hub.seen.get(0).path()).endsWith("/revision/refs%2Fpr%2F1");
        assertThat(repo().resolve("refs/refs/pr/1")).hasContent(TestHub.COMMIT);
    }

    @Test
    void aCommitNeedsNoRef() throws IOException {
        assertWhole(client().pull(TestHub.REPO, TestHub.COMMIT, Progress.Listener.NONE, () -> false));
        assertThat(repo().resolve("refs")).doesNotExist();
    }

    @Test
    void picklesAreRefusedBeforeAnythingIsFetched() {
        hub.files.remove(WEIGHTS);
        Problem problem = refused();
        assertThat(problem.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(problem.getMessage()).contains("runs the code inside it", "pytorch_model.bin");
        assertThat(hub.seen).hasSize(1);
    }

    @Test
    void aRepositoryWithoutAConfigIsNoModel() {
        hub.files.remove("config.json");
        assertThat(refused().what()).contains("no config.json");
    }

    @Test
    void ggufFilesAreNamed() {
        hub.files.keySet().removeIf(n -> !n.endsWith(".json"));
        hub.text("tiny.Q4_K_M.gguf", "GGUF");
        assertThat(refused().found()).contains("tiny.Q4_K_M.gguf");
    }

    @Test
    void whatPassesIsTriedAgain() throws IOException {
        hub.fault(Fault.status("hub", "/revision/main", 503, Map.of()));
        hub.fault(Fault.status("hub", "/revision/main", 429, Map.of("RateLimit", "\"api\";r=3;t=900")));
        hub.fault(Fault.status("hub", "/config.json", 500, Map.of()));
        hub.fault(Fault.status("hub", WEIGHTS, 502, Map.of()));
        hub.fault(Fault.status("cdn", WEIGHTS, 403, Map.of())); // an address of the CDN that has expired
        assertWhole(pull());
    }

    @Test
    void retryAfterIsKept() {
        hub.fault(Fault.status("hub", "/revision/main", 429, Map.of("Retry-After", "1")));
        long from = System.nanoTime();
        pull();
        assertThat(Duration.ofNanos(System.nanoTime() - from)).isGreaterThan(Duration.ofMillis(950));
    }

    @Test
    void patienceEnds() {
        for (int i = 0; i < 20; i++) hub.fault(Fault.status("hub", "/revision/main", 503, Map.of()));
        assertThat(refused().getMessage()).contains("the hub failed", "HTTP 503");
        assertThat(hub.seen).hasSize(Backoff.RETRIES + 1);
    }

    @Test
    void aServerThatAsksForTooMuchPatienceIsReported() {
        hub.fault(Fault.status("hub", "/revision/main", 429, Map.of("Retry-After", "600")));
        Problem problem = refused();
        assertThat(problem.kind()).isEqualTo(Problem.Kind.BUSY);
        assertThat(problem.instead()).contains("600 s");
    }

    @Test
    void offlineOnlyTheCacheIsAsked() {
        HubClient offline = client(Map.of("HF_HUB_OFFLINE", "1"));
        assertThat(refused(offline, TestHub.REPO, null).getMessage()).contains("not in the cache", "HF_HUB_OFFLINE");
        assertThat(hub.seen).isEmpty();
        Pulled online = pull();
        hub.seen.clear();
        Pulled pulled = pull(offline);
        assertThat(pulled.snapshot()).isEqualTo(online.snapshot());
        assertThat(pulled.files()).hasSize(7);
        assertThat(pulled.note()).contains("offline");
        assertThat(hub.seen).isEmpty();
    }

    @Test
    void aHubThatIsAwayLeavesAnEarlierDownload() {
        Pulled before = pull();
        HubClient client = client();
        hub.close();
        Pulled after = pull(client);
        assertThat(after.snapshot()).isEqualTo(before.snapshot());
        assertThat(after.note()).contains("cannot be reached");
        assertThat(refused(client, "tiny/other", null).what()).contains("cannot be reached");
    }

    @Test
    void anIncompleteModelIsNotOfferedOffline() throws IOException {
        hub.sharded();
        Pulled pulled = pull();
        Files.delete(pulled.snapshot().resolve("model-00003-of-00004.safetensors"));
        assertThat(refused(client(Map.of("HF_HUB_OFFLINE", "true")), TestHub.REPO, null)
                        .getMessage())
                .contains("model-00003-of-00004.safetensors");
    }

    @Test
    void aBlobThatIsGoneIsFetchedAgain() throws IOException {
        pull();
        Files.delete(blob(WEIGHTS));
        assertWhole(pull());
    }

    @Test
    void withoutLinksFilesAreThereThemselves() throws IOException {
        HubClient client = client(Map.of("HF_HUB_DISABLE_SYMLINKS", "1"));
        Pulled pulled = pull(client);
        assertWhole(pulled);
        assertThat(pulled.snapshot().resolve(WEIGHTS)).matches(p -> !Files.isSymbolicLink(p));
        assertThat(blob(WEIGHTS)).doesNotExist(); // not twice on the disk
        assertThat(pull(client).files()).extracting(Pulled.File::how).containsOnly(Pulled.How.CACHED);
    }

    @Test
    void aFullDiskIsSaidBeforehand() {
        Problem problem = refused(new HubClient(settings(Map.of()), QUICK, dir -> 800_000), TestHub.REPO, null);
        assertThat(problem.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
        assertThat(problem.expected()).contains("895144");
        assertThat(hub.seen("cdn", "GET", "")).isEmpty();
        assertThat(DiskSpace.full(new IOException("No space left on device"))).isTrue();
    }

    @Test
    void aCacheThatCannotBeWrittenIsSaid() throws IOException {
        Files.writeString(cache.resolve("models--tiny--llama"), "in the way");
        assertThat(refused().what()).contains("cache of models cannot be used");
    }

    @Test
    void aWrongNameAsksNothingOfTheNetwork() {
        assertThat(refused(client(), "../x", null).where()).isEqualTo("repo");
        assertThat(refused(client(), TestHub.REPO, "../x").where()).isEqualTo("revision");
        assertThat(hub.seen).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"../evil.safetensors", "/etc/evil.safetensors", "a/../../evil.json", "a//b", "..\\\\evil.json"})
    void aHubThatListsFilesOutsideIsNotTrusted(String name) {
        hub.text(name, "evil");
        assertThat(refused().what()).contains("outside the model's folder");
        assertThat(repo()).doesNotExist();
    }

    @Test
    void anIndexCannotNameFilesOutside() throws IOException {
        hub.sharded();
        hub.text("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../../evil.safetensors\"}}");
        assertThat(refused().what()).contains("names a file that a model may not have");
        assertThat(hub.seen("cdn", "GET", "")).isEmpty();
    }

    @Test
    void aCommitThatIsNoneIsRefused() {
        hub.commit = "../../../../tmp/x";
        assertThat(refused().what()).contains("does not seem to be a Hugging Face hub");
    }

    @Test
    void progressIsRareAndAddsUp() {
        hub.bytesPerMs = 2000;
        List<Progress> heard = new ArrayList<>();
        long from = System.nanoTime();
        Pulled pulled = client().pull(TestHub.REPO, null, heard::add, () -> false);
        long tenths = Duration.ofNanos(System.nanoTime() - from).toMillis() / 100;
        long bytes = pulled.files().stream().mapToLong(Pulled.File::bytes).sum();
        assertThat(heard.size()).isBetween(3, (int) tenths + 3);
        assertThat(heard.get(heard.size() - 1))
                .isEqualTo(new Progress(Progress.State.DONE, null, 7, 7, bytes, bytes, 0));
        assertThat(heard).extracting(Progress::bytesDone).isSorted();
        assertThat(heard).anyMatch(p -> WEIGHTS.equals(p.file()) && p.bytesPerSecond() > 0);
    }

    @Test
    void aCancelledPullStopsAndIsContinued() throws IOException {
        hub.bytesPerMs = 1000;
        AtomicBoolean stop = new AtomicBoolean();
        assertThatThrownBy(() -> client().pull(
                                TestHub.REPO, null, p -> stop.compareAndSet(false, p.bytesDone() > 100_000), stop::get))
                .isInstanceOf(CancellationException.class);
        assertThat(leftovers()).hasSize(1);
        hub.bytesPerMs = Integer.MAX_VALUE;
        Pulled pulled = pull();
        assertThat(pulled.files()).extracting(Pulled.File::how).contains(Pulled.How.RESUMED);
        assertWhole(pulled);
    }

    @Test
    void threadsThatPullTheSameModelFetchItOnce() throws IOException {
        hub.bytesPerMs = 5000;
        List<CompletableFuture<Pulled>> pulls = new ArrayList<>();
        for (int i = 0; i < 3; i++) pulls.add(CompletableFuture.supplyAsync(this::pull));
        for (CompletableFuture<Pulled> pull : pulls) assertWhole(pull.join());
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).hasSize(1);
    }

    @Test
    void processesThatPullTheSameModelFetchItOnce() throws Exception {
        hub.bytesPerMs = 3000;
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            ProcessBuilder builder = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx128m",
                            "-XX:TieredStopAtLevel=1",
                            "-XX:+UseSerialGC",
                            "-cp",
                            System.getProperty("java.class.path"),
                            PullMain.class.getName(),
                            TestHub.REPO)
                    .redirectError(ProcessBuilder.Redirect.INHERIT);
            builder.environment()
                    .putAll(Map.of("HF_ENDPOINT", hub.endpoint().toString(), "HF_HUB_CACHE", cache.toString()));
            processes.add(builder.start());
        }
        List<String> said = new ArrayList<>();
        for (Process process : processes) {
            said.add(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            assertThat(process.waitFor()).isZero();
        }
        assertThat(said).allMatch(s -> s.lines().count() == 7);
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).hasSize(1);
        assertWhole(pull());
    }
}
