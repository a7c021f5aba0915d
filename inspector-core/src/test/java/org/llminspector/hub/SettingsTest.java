package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.Urls;

/** HubSettings and EnvironmentProxy read the environment as huggingface_hub does. */
class SettingsTest {

    @TempDir
    Path home;

    @Test
    void theCacheIsWherePythonLooks() {
        assertThat(HubSettings.cache(Map.of(), home)).isEqualTo(home.resolve(".cache/huggingface/hub"));
        assertThat(HubSettings.cache(Map.of("XDG_CACHE_HOME", "/x"), home)).isEqualTo(Path.of("/x/huggingface/hub"));
        assertThat(HubSettings.cache(Map.of("HF_HOME", "~/hf", "XDG_CACHE_HOME", "/x"), home))
                .isEqualTo(home.resolve("hf/hub"));
        assertThat(HubSettings.cache(Map.of("HF_HOME", "/hf", "HUGGINGFACE_HUB_CACHE", "/old"), home))
                .isEqualTo(Path.of("/old"));
        assertThat(HubSettings.cache(Map.of("HF_HUB_CACHE", "/hub", "HUGGINGFACE_HUB_CACHE", "/old"), home))
                .isEqualTo(Path.of("/hub"));
        assertThat(HubSettings.cache(Map.of("HF_HUB_CACHE", ""), home))
                .isEqualTo(home.resolve(".cache/huggingface/hub"));
    }

    @Test
    void theTokenIsFoundWherePythonLeftIt() throws IOException {
        assertThat(HubSettings.of(Map.of(), home).token()).isNull();
        Files.createDirectories(home.resolve(".cache/huggingface"));
        Files.writeString(home.resolve(".cache/huggingface/token"), "hf_file\n");
        assertThat(HubSettings.of(Map.of(), home).token()).isEqualTo("hf_file");
        assertThat(HubSettings.of(Map.of("HF_TOKEN", "hf_env"), home).token()).isEqualTo("hf_env");
        assertThat(HubSettings.of(Map.of("HUGGING_FACE_HUB_TOKEN", "hf_old"), home)
                        .token())
                .isEqualTo("hf_old");
        assertThat(HubSettings.of(Map.of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), home)
                        .token())
                .isNull();
        Files.writeString(home.resolve("elsewhere"), "hf_path");
        assertThat(HubSettings.of(Map.of("HF_TOKEN_PATH", "~/elsewhere"), home).token())
                .isEqualTo("hf_path");
        assertThatThrownBy(() -> HubSettings.of(Map.of("HF_TOKEN", "hf_\nsecret"), home))
                .isInstanceOf(Problem.class)
                .message()
                .contains("HF_TOKEN")
                .doesNotContain("secret");
    }

    @Test
    void theEndpointIsAWebAddress() {
        assertThat(HubSettings.of(Map.of(), home).endpoint()).hasToString("https://huggingface.co");
        assertThat(HubSettings.of(Map.of("HF_ENDPOINT", "http://mirror:80/hf//"), home)
                        .endpoint())
                .hasToString("http://mirror:80/hf");
        assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", "file:///etc"), home))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("HF_ENDPOINT");
    }

    @ParameterizedTest
    @CsvSource({
        "https://huggingface.co/x, true",
        "https://HuggingFace.co:443/x, true",
        "https://hf.co/x, true",
        "https://mirror/hf/x, true",
        "http://mirror/x, false",
        "https://mirror:8443/x, false",
        "https://huggingface.co.evil.com/x, false",
        "https://cdn-lfs.huggingface.co/x, false",
        "http://huggingface.co/x, false"
    })
    void onlyTheHubMaySeeTheToken(String uri, boolean may) {
        assertThat(new Urls(URI.create("https://mirror/hf")).isHub(URI.create(uri)))
                .isEqualTo(may);
    }

    @Test
    void theProxyIsTheEnvironments() {
        var selector = EnvironmentProxy.of(Map.of(
                "https_proxy",
                "http://proxy:3128",
                "HTTPS_PROXY",
                "http://wrong:1",
                "NO_PROXY",
                "localhost, .inside.example"));
        assertThat(selector.select(URI.create("https://huggingface.co/")))
                .singleElement()
                .hasToString("HTTP @ proxy/<unresolved>:3128");
        assertThat(selector.select(URI.create("http://huggingface.co/"))).containsExactly(Proxy.NO_PROXY);
        assertThat(selector.select(URI.create("https://127.0.0.1:9/"))).containsExactly(Proxy.NO_PROXY);
        assertThat(selector.select(URI.create("https://hub.inside.example/"))).containsExactly(Proxy.NO_PROXY);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"socks5://me:secret@proxy:1080", "socks://proxy", "https://proxy:3129", "http://a b", "http://"})
    void aProxyThatSpeaksSomethingElseIsRefused(String proxy) {
        var selector = EnvironmentProxy.of(Map.of("ALL_PROXY", proxy, "NO_PROXY", "inside.example"));
        assertThatThrownBy(() -> selector.select(URI.create("https://huggingface.co/")))
                .isInstanceOfSatisfying(Problem.class, p -> {
                    assertThat(p.where()).isEqualTo("ALL_PROXY");
                    assertThat(p.getMessage()).doesNotContain("secret");
                });
        assertThat(selector.select(URI.create("https://inside.example/"))).containsExactly(Proxy.NO_PROXY);
    }
}
