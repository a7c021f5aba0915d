package org.llminspector.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

class DifferencesTest {

    @Test
    void theSameWeightsAreTaken() {
        assertThatCode(() -> Differences.weights("n7", List.of("aa", "bb"), List.of("aa", "bb")))
                .doesNotThrowAnyException();
    }

    @Test
    void anotherModelIsRefusedWithTheHostsNameAndBothHashes() {
        assertThatThrownBy(() -> Differences.weights("n7", List.of("aa", "bb"), List.of("aa", "cc")))
                .isInstanceOfSatisfying(Problem.class, p -> {
                    assertThat(p.where()).isEqualTo("host n7, side b");
                    assertThat(p.expected()).contains("bb");
                    assertThat(p.found()).isEqualTo("cc");
                    assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT);
                });
    }
}
