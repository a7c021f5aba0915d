package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.RepoId;
import org.llminspector.hub.repo.Revision;

/** RepoId and Revision: names that leave no way out of the cache's folder. */
class NamesTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", "/", "a/b/c", "../x", "a/..", "a--b/c", ".a/b", "a/b.", "a/b.git", "a\\b", "a/b\n", "à/b", "a b"
            })
    void wrongNamesOfRepositoriesGoNowhere(String repo) {
        assertThatThrownBy(() -> new RepoId(repo)).isInstanceOf(Problem.class).hasMessageContaining("(repo)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "..", "a/../b", "/a", "a/", "a//b", ".a", "a.lock", "a\\b", "a:b", "a b", "a\0", "C:\\x"})
    void wrongNamesOfRevisionsGoNowhere(String revision) {
        assertThatThrownBy(() -> new Revision(revision))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("(revision)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "Qwen/Qwen3-0.6B", "a_b/c.d-e", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"})
    void namesOfRepositories(String repo) {
        assertThat(new RepoId(repo).folder()).isEqualTo("models--" + repo.replace("/", "--"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"main", "v1.0", "refs/pr/1", "step143000", "a-branch/of_mine+1"})
    void namesOfRevisions(String revision) {
        assertThat(new Revision(revision).isCommit()).isFalse();
    }

    @Test
    void aCommitIsOneForEver() {
        assertThat(new Revision(TestHub.COMMIT).isCommit()).isTrue();
    }
}
