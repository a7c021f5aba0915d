package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Globs mean what regular expressions made of them mean, and never take longer than they are long. */
class GlobTest {

    @Test
    void meansWhatTheRegularExpressionMeans() {
        Random random = new Random(11);
        for (int i = 0; i < 20_000; i++) {
            String pattern = text(random, "ab.*?", 7);
            String name = text(random, "ab.", 9);
            String regex = pattern.chars()
                    .mapToObj(c -> c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(Character.toString(c)))
                    .collect(Collectors.joining());
            assertThat(Glob.matches(pattern, name)).as(pattern + " on " + name).isEqualTo(Pattern.matches(regex, name));
        }
    }

    private static String text(Random random, String letters, int most) {
        StringBuilder text = new StringBuilder();
        for (int n = random.nextInt(most + 1); n > 0; n--)
            text.append(letters.charAt(random.nextInt(letters.length())));
        return text.toString();
    }

    /** A regular expression would try every way to share the name among the stars. */
    @Test
    void manyStarsAreNoTrouble() {
        assertThat(Glob.matches("*a".repeat(60) + "b", "a".repeat(100_000))).isFalse();
        assertThat(Glob.matches("*a".repeat(60), "a".repeat(100_000))).isTrue();
    }

    @Test
    void tooManyAndTooLongAreRefused() {
        Glob.check(List.of("blocks.*"), 1, "hooks");
        assertThatThrownBy(() -> Glob.check(Collections.nCopies(3, "*"), 2, "hooks"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE));
        assertThatThrownBy(() -> Glob.check("*".repeat(201), "hooks"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID));
    }
}
