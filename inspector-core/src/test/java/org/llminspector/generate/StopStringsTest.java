package org.llminspector.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class StopStringsTest {

    /** Cut anywhere, the text ends where the stop string that is complete first begins. */
    @Property(tries = 1_000, seed = "9")
    void endsBeforeTheFirstStopString(@ForAll("parts") List<String> parts, @ForAll("stops") List<String> stops) {
        StopStrings stop = new StopStrings(stops);
        String whole = String.join("", parts);
        StringBuilder seen = new StringBuilder();
        StringBuilder given = new StringBuilder();
        for (String part : parts) {
            seen.append(part);
            given.append(stop.push(part));
            assertThat(expected(whole, stops)).startsWith(given.toString());
            if (stop.found()) break;
            // Held back is only what may still become a stop string.
            String held = seen.substring(given.length());
            assertThat(held.isEmpty() || stops.stream().anyMatch(s -> s.startsWith(held)))
                    .isTrue();
        }
        assertThat(given + stop.finish()).isEqualTo(expected(whole, stops));
        assertThat(stop.found()).isEqualTo(stops.stream().anyMatch(whole::contains));
        assertThat(stop.push("more") + stop.finish()).isEqualTo(stop.found() ? "" : "more");
    }

    @Example
    void holdsBackWhatMayBecomeOne() {
        StopStrings stop = new StopStrings(List.of("\n\n", "END"));
        assertThat(stop.push("a\n")).isEqualTo("a");
        assertThat(stop.push("bE")).isEqualTo("\nb");
        assertThat(stop.push("N")).isEmpty();
        assertThat(stop.push("x")).isEqualTo("ENx");
        assertThat(stop.push("EENDless")).isEqualTo("E");
        assertThat(stop.found()).isTrue();
        assertThat(stop.finish()).isEmpty();
    }

    @Example
    void ofTwoCompleteAtOnceTheLongerCounts() {
        StopStrings stop = new StopStrings(List.of("c", "bc"));
        assertThat(stop.push("abc")).isEqualTo("a");
    }

    /** Letter by letter. */
    private static String expected(String text, List<String> stops) {
        for (int end = 1; end <= text.length(); end++) {
            String before = text.substring(0, end);
            int longest = stops.stream()
                    .filter(before::endsWith)
                    .mapToInt(String::length)
                    .max()
                    .orElse(0);
            if (longest > 0) return before.substring(0, end - longest);
        }
        return text;
    }

    @Provide
    Arbitrary<List<String>> parts() {
        return Arbitraries.strings().withChars("abc").ofMaxLength(4).list().ofMaxSize(8);
    }

    @Provide
    Arbitrary<List<String>> stops() {
        return Arbitraries.strings()
                .withChars("abc")
                .ofMinLength(2)
                .ofMaxLength(5)
                .list()
                .ofMaxSize(3);
    }
}
